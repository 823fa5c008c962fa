//! B10: the memory of a check in flight.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use healthgate::{
    checks::{HostRun, HostRunner, OutcomeCollector},
    model::AgentEndpoint,
};
use healthgate_testkit::Authority;

use crate::{
    Outcome, cpu,
    fleet::{http_run, runner, service_run},
    report::{Goal, figure, note},
    target::WEB_PATH,
};

/// How long the runs get to arrive where they wait.
const SETTLE: Duration = Duration::from_secs(3);

/// Holds this number of HTTP checks in flight at targets that accept and never answer.
pub(crate) async fn http(checks: usize) -> Outcome<()> {
    let run = |address: SocketAddr| http_run(format!("http://{address}{WEB_PATH}"));
    measure("http", checks, run).await
}

/// Holds this number of service checks, each of a host of its own, in the handshake. A process holds only
/// one kind, because the other would reuse its memory.
pub(crate) async fn service(checks: usize) -> Outcome<()> {
    let run = |address: SocketAddr| {
        service_run(AgentEndpoint::new(address.ip().to_string(), address.port(), None)?, 1)
    };
    measure("service, in the handshake", checks, run).await
}

async fn measure(
    kind: &str,
    checks: usize,
    run: impl Fn(SocketAddr) -> Outcome<HostRun>,
) -> Outcome<()> {
    note(&format!("{checks} checks in flight, targets that accept and do not answer"));
    let authority = Authority::new("measure");
    let runner = runner(&authority, &authority.issue_client("manager"))?;
    // Nobody accepts: the system completes connections until the backlog is full.
    let listeners = (0..checks.div_ceil(100))
        .map(|_| TcpListener::bind(("127.0.0.1", 0)))
        .collect::<Result<Vec<_>, _>>()?;
    let runs = (0..checks).map(|number| run(listeners[number % listeners.len()].local_addr()?));
    let size = hold(runner.as_ref(), runs.collect::<Outcome<_>>()?).await? / 1024.0;
    let what = format!("memory of a check in flight, {kind}");
    figure("B10", &what, size, "KiB", Some(Goal::AtMost(40.0)));
    Ok(())
}

/// Returns the memory of each of these runs while all wait, in bytes.
async fn hold(runner: &dyn HostRunner, runs: Vec<HostRun>) -> Outcome<f64> {
    let number = runs.len();
    let before = cpu::resident(std::process::id())?;
    let mut running: FuturesUnordered<_> = runs
        .into_iter()
        .map(|run| async move { runner.collect_host(run, &OutcomeCollector::default()).await })
        .collect();
    if tokio::time::timeout(SETTLE, running.next()).await.is_ok() {
        return Err("a check ended, although its target does not answer".into());
    }
    let after = cpu::resident(std::process::id())?;
    Ok((after.saturating_sub(before)) as f64 / number as f64)
}
