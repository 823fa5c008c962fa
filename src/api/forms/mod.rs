//! The bodies of the API's requests and answers, for its document and for Rust clients.
//!
//! A type of [`model`](crate::model) or [`gate`](crate::gate) that already serializes to the API's JSON,
//! such as [`Evidence`](crate::model::Evidence), has no form here.

mod audit;
mod check;
mod copy;
mod event;
mod explain;
mod gate;
mod preview;
mod verification;

pub use self::{
    audit::AuditList,
    check::{
        CheckChangeForm, CheckForm, CheckList, HistoryForm, HistoryList, NewCheckForm, ResultForm,
        SummaryList,
    },
    copy::{CopyOutcome, CopyRequestForm, CopyResultForm, CopyResultList},
    event::{CheckStatusEvent, EventForm, GateEvent},
    explain::ExplanationList,
    gate::{GateForm, GateList, OverrideForm, OverrideRequestForm, PassForm, WindowForm},
    preview::{PreviewForm, PreviewList, PreviewRequestForm},
    verification::VerificationForm,
};
