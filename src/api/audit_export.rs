//! `/health-checks/audit/export`: the log as a file.

use std::fmt::Write as _;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream};

use super::{
    Api, Caller, Page, Problem, Query,
    audit::{AuditProblems, filter_of},
    authorize::AuditScope,
};
use crate::{
    model::{Actor, AuditAction, AuditId, AuditOutcome, AuditRecord, HostId, instant},
    store::AuditFilter,
};

/// The most records of one file.
const MOST_RECORDS: usize = 100_000;

/// The audit log as a file, newest first: what the list shows for the same filter, without pages.
///
/// A file has 100,000 records at most. Where there are more, its last line says so and names the instant to
/// go on before: export again with it as `until`. Cells of a CSV file that a spreadsheet would run as a formula
/// begin with an apostrophe.
#[utoipa::path(
    get,
    path = "/api/v1/health-checks/audit/export",
    tag = "audit",
    operation_id = "export_audit_records",
    params(
        ("format" = Option<String>, Query, description = "`jsonl` (the default: a record a line) or `csv`"),
        (
            "host_ids" = Option<Vec<HostId>>, Query, explode = false,
            description = "only records of these hosts; those that the caller may not see are left out",
        ),
        ("actor" = Option<String>, Query, description = "only what the user of exactly this name did"),
        (
            "action" = Option<Vec<AuditAction>>, Query, explode = false,
            description = "only records of one of these actions",
        ),
        ("outcome" = Option<AuditOutcome>, Query, description = "only what was done, or what was refused"),
        ("from" = Option<String>, Query, description = "only records written at this instant or later"),
        ("until" = Option<String>, Query, description = "only records written before this instant"),
    ),
    responses(
        (
            status = 200,
            description = "the records",
            content((String = "application/x-ndjson"), (String = "text/csv")),
        ),
        AuditProblems,
    ),
)]
pub(super) async fn export(
    State(api): State<Api>,
    Caller(actor): Caller,
    query: Query,
) -> Result<Response, Problem> {
    if api.0.authorizer.audit_scope(&actor).await? == AuditScope::Nothing {
        return Err(Problem::forbidden());
    }
    let filter = filter_of(&query)?;
    let format = Format::of(&query)?;
    api.0.refusals.flush().await?;
    let mut file = File { api, actor, filter, format, before: None, left: MOST_RECORDS };
    // The first part is read here, so that what is wrong becomes a problem and not a broken file.
    let (first, over) = file.part().await?;
    let first = Bytes::from([file.format.head().as_bytes(), first.as_bytes()].concat());
    let rest = stream::unfold((!over).then_some(file), |file| async {
        let mut file = file?;
        match file.part().await {
            Ok((text, over)) => Some((Ok(Bytes::from(text)), (!over).then_some(file))),
            // The connection breaks off: a file that ends here would pass for the whole.
            Err(problem) => Some((Err(std::io::Error::other(problem)), None)),
        }
    });
    // A layer around it may ask once more after the end.
    let body = Body::from_stream(stream::once(async { Ok(first) }).chain(rest).fuse());
    let (kind, name) = format.kind_and_name();
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static(name)),
    ];
    Ok((headers, body).into_response())
}

#[derive(Clone, Copy)]
enum Format {
    JsonLines,
    Csv,
}

impl Format {
    fn of(query: &Query) -> Result<Self, Problem> {
        use crate::model::ViolationCode::UnknownValue;
        match query.first("format") {
            None | Some("" | "jsonl") => Ok(Self::JsonLines),
            Some("csv") => Ok(Self::Csv),
            Some(_) => Err(Problem::invalid_field("format", UnknownValue, "give jsonl or csv")),
        }
    }

    const fn kind_and_name(self) -> (&'static str, &'static str) {
        match self {
            Self::JsonLines => ("application/x-ndjson", "attachment; filename=\"audit.jsonl\""),
            Self::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
        }
    }

    fn head(self) -> String {
        match self {
            Self::JsonLines => String::new(),
            Self::Csv => line(&COLUMNS),
        }
    }

    fn record(self, record: &AuditRecord) -> Result<String, Problem> {
        match self {
            Self::JsonLines => {
                let text = serde_json::to_string(record);
                let mut text = text.map_err(|error| Problem::internal().with_source(error))?;
                text.push('\n');
                Ok(text)
            }
            Self::Csv => row(record),
        }
    }

    /// The last line of a file that is not the whole.
    fn cut_off(self, last: &AuditRecord) -> String {
        // The last record comes again: another one may have been written in the same microsecond.
        let until = instant::to_text(&(last.at + TimeDelta::microseconds(1)));
        match self {
            Self::JsonLines => format!("{{\"more_before\":\"{until}\"}}\n"),
            Self::Csv => {
                let words = format!("There are older records: export again until {until}.");
                line(&["", &until, "", "", "", "", "", "", "", "", &words, ""])
            }
        }
    }
}

/// A file in the making.
struct File {
    api: Api,
    actor: Actor,
    filter: AuditFilter,
    format: Format,
    before: Option<AuditId>,
    left: usize,
}

impl File {
    /// The next lines, and whether they are the last ones. The right to them is asked for anew: a user may
    /// lose it while the file is sent.
    async fn part(&mut self) -> Result<(String, bool), Problem> {
        let api = &self.api.0;
        let now = api.authorizer.refresh(&self.actor).await?;
        let actor = now.ok_or_else(Problem::unauthenticated)?;
        let left = u32::try_from(self.left).unwrap_or(u32::MAX);
        let limit = Page::MAXIMUM_LIMIT.min(left);
        let (records, next) = api.audit_records(&actor, &self.filter, self.before, limit).await?;
        let mut text = String::new();
        for record in &records {
            text.push_str(&self.format.record(record)?);
        }
        self.left = self.left.saturating_sub(records.len());
        self.before = next;
        match records.last() {
            Some(last) if self.left == 0 && next.is_some() => {
                text.push_str(&self.format.cut_off(last));
                Ok((text, true))
            }
            _ => Ok((text, next.is_none())),
        }
    }
}

const COLUMNS: [&str; 12] = [
    "id",
    "at",
    "actor",
    "role",
    "action",
    "outcome",
    "host_id",
    "check_id",
    "job_id",
    "changes",
    "reason",
    "request_id",
];

fn row(record: &AuditRecord) -> Result<String, Problem> {
    let members = serde_json::to_value(record);
    let members = members.map_err(|error| Problem::internal().with_source(error))?;
    let text = |column: &str| members[column].as_str().unwrap_or_default().to_owned();
    let mut changes = String::new();
    for change in &record.changes {
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let separator = if changes.is_empty() { "" } else { "; " };
        let (before, after) = (side(&change.before), side(&change.after));
        // Writing to a string cannot fail.
        let _ = write!(changes, "{separator}{}: {before} -> {after}", change.field);
    }
    let cell = |column: &&str| if *column == "changes" { changes.clone() } else { text(column) };
    let cells: Vec<String> = COLUMNS.iter().map(cell).collect();
    Ok(line(&cells.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// A line of a CSV file (RFC 4180).
fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell. One that a spreadsheet would run as a formula becomes text by an apostrophe.
fn quoted(cell: &str) -> String {
    let first = cell.trim_start_matches([' ', '\u{a0}']).chars().next();
    let runs = matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n'))
        // Spreadsheets read the wide forms as the plain ones.
        || matches!(first, Some('\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'));
    let cell = if runs { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\r', '\n', ';', '\t']) || runs {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_text() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u{ff1d}1"] {
            let quoted = quoted(cell);
            assert!(quoted.starts_with("\"'"), "{quoted}");
        }
        assert_eq!(quoted("a=1"), "a=1");
        assert_eq!(quoted("say \"no\", then"), "\"say \"\"no\"\", then\"");
        assert_eq!(line(&["a", "", "b\nc"]), "a,,\"b\nc\"\r\n");
    }
}
