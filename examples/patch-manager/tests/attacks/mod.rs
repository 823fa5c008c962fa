//! Attacks on the running program: what somebody tries, and what they must get. Each file is one kind;
//! one that tries many things names each, and tells all that succeed.
//!
//! `docs/threat-model.md` names the tests of each threat.

mod audit_chain;
mod bodies;
mod budget;
mod certificates;
mod destinations;
mod figures;
mod flood;
mod inputs;
mod lost_rights;
mod monitoring;
mod refusals;
mod request_ids;
mod requests;
mod targets;
mod tokens;

/// What came of many attacks: those that were not answered as they must be.
#[derive(Default)]
struct Findings {
    tried: usize,
    wrong: Vec<String>,
}

impl Findings {
    /// Notes an attack, and what it was answered.
    fn note(&mut self, name: &str, is_right: bool, got: impl std::fmt::Debug) {
        self.tried += 1;
        if !is_right {
            self.wrong.push(format!("{name}: {got:?}"));
        }
    }

    /// Fails if one succeeded, or fewer than so many were tried.
    #[track_caller]
    fn judge(self, least: usize) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert!(self.tried >= least, "{} were tried", self.tried);
    }
}
