//! The committed corpora, and seeded mutations of them, with the stable compiler.

use std::{fs, path::Path};

use healthgate_fuzz::{TARGETS, Target};

/// Mutations of each target. `HEALTHGATE_FUZZ_MUTATIONS` sets another number.
const MUTATIONS: u32 = 2_000;

/// The longest mutated input.
const MAXIMUM_LENGTH: usize = 2_048;

fn corpus_of(target: Target) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut corpus: Vec<_> = entries
        .map(|entry| {
            let entry = entry.expect("readable");
            let content = fs::read(entry.path()).expect("readable");
            (entry.file_name().to_string_lossy().into_owned(), content)
        })
        .collect();
    corpus.sort();
    corpus
}

/// Runs one input, and prints it where the target panics.
fn run(target: Target, name: &str, input: &[u8]) {
    let told = std::panic::catch_unwind(|| (target.run)(input));
    assert!(told.is_ok(), "{}: {name} fails: {}", target.name, input.escape_ascii());
}

#[test]
fn every_committed_input_runs() {
    for target in TARGETS {
        let corpus = corpus_of(target);
        assert!(corpus.len() >= 3, "{} has no corpus", target.name);
        for (name, input) in corpus {
            run(target, &name, &input);
        }
        run(target, "nothing", b"");
    }
}

/// Like what libFuzzer does, without knowing what an input reaches.
#[test]
fn seeded_mutations_of_the_corpus_run() {
    let wanted = std::env::var("HEALTHGATE_FUZZ_MUTATIONS").ok();
    let mutations = wanted.map_or(MUTATIONS, |text| text.parse().expect("a number"));
    for target in TARGETS {
        let corpus = corpus_of(target);
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for number in 0..mutations {
            let input = mutated(&corpus, &mut random);
            run(target, &format!("mutation {number}"), &input);
        }
    }
}

fn mutated(corpus: &[(String, Vec<u8>)], random: &mut Random) -> Vec<u8> {
    let pick = |random: &mut Random| &corpus[random.below(corpus.len())].1;
    let mut input = pick(random).clone();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let some = random.below(16);
        match random.below(6) {
            0 => input.insert(at, random.byte()),
            1 => input.truncate(at),
            2 if at < input.len() => input[at] = random.byte(),
            3 if at < input.len() => input[at] ^= 1 << random.below(8),
            4 => {
                let end = input.len().min(at + some);
                input.drain(at..end);
            }
            // A piece of this input or of another one.
            _ => {
                let other = pick(random).clone();
                let from = random.below(other.len() + 1);
                let to = other.len().min(from + some);
                input.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    input.truncate(MAXIMUM_LENGTH);
    input
}

/// xorshift64*, by G. Marsaglia and S. Vigna: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 32).unwrap_or(0) % bound
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}
