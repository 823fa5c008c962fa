//! The shapes of bodies: what the API takes and answers, for its document and for clients in Rust.

mod audit;
mod check;
mod event;
mod gate;
mod preview;
mod recheck;

pub use self::{
    audit::{AuditList, AuditRecordForm, ChangeForm},
    check::{
        CheckChangeForm, CheckForm, CheckList, HistoryForm, HistoryList, NewCheckForm, ResultForm,
        SummaryForm, SummaryList,
    },
    event::{CheckStatusEvent, EventForm, GateEvent},
    gate::{
        AttemptForm, EvidenceForm, GateForm, GateList, NoteForm, OverrideForm, OverrideRequestForm,
        PassForm, WindowForm, WouldHaveForm,
    },
    preview::{BlockingForm, PreviewForm, PreviewList, PreviewRequestForm},
    recheck::{RecheckForm, RecheckedForm},
};
