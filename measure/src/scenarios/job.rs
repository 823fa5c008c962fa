//! B21: what people ask about a job over many hosts.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use healthgate::{
    Healthgate,
    crypto::{Key, KeyRing},
    gate::explain::group,
    model::{GateRequest, JobId, Window},
};
use tokio::time::Instant;

use super::{ROUNDS, place::Place};
use crate::{
    Outcome,
    database::CHECKS,
    polling::Until,
    report::{Goal, figure, median, note},
};

/// Measures a preview and the explanations of a job over this number of hosts.
pub(crate) async fn run(hosts: usize) -> Outcome<()> {
    let place = Place::start(hosts).await?;
    place.database.schedule(place.fleet.at_once()).await?;
    let interval = Duration::from_secs(300);
    place.poll(interval, Until::Hosts(hosts as u64)).await?;
    note(&format!("{hosts} hosts with {CHECKS} checks and a result each; medians of {ROUNDS}"));
    let healthgate =
        Healthgate::builder(place.database.store.clone(), place.fleet.directory.clone())
            .keys(KeyRing::new(Key::generate()?))
            .runner(place.runner.clone())
            .build()
            .await?;
    let window = Window::lasting(Utc::now() + TimeDelta::hours(1), TimeDelta::hours(2))?;
    let asked: Vec<_> = place.fleet.hosts.iter().map(|host| (*host, window)).collect();
    let job = JobId::generate();
    let requests: Vec<_> =
        place.fleet.hosts.iter().map(|host| GateRequest::new(job, *host, window)).collect();
    let (mut previews, mut explanations, mut work) = (Vec::new(), Vec::new(), Vec::new());
    let mut size = 0;
    healthgate.gate().open_all(&requests).await?;
    for _ in 0..ROUNDS {
        let (started, before) = (Instant::now(), place.cpu()?);
        let preview = healthgate.gate().preview(&asked).await?;
        previews.push(started.elapsed().as_secs_f64());
        work.push((place.cpu()? - before).as_secs_f64());
        let started = Instant::now();
        let gates = healthgate.store().gates_of(job).await?;
        let explained = healthgate.gate().explain(job, &gates, &[]).await?;
        let grouped = group(explained.clone());
        explanations.push(started.elapsed().as_secs_f64());
        if preview.len() != hosts || explained.len() != hosts {
            return Err(
                format!("{} previews, {} explanations", preview.len(), explained.len()).into()
            );
        }
        size = serde_json::to_vec(&grouped)?.len();
    }
    let goal = Some(Goal::AtMost(1.0));
    figure("B21", "preview of a job", median(&previews), "s", goal);
    // Steadier than the time on a busy machine.
    figure("", "processor time of the preview, Postgres included", median(&work), "s", None);
    figure("B21", "explanation of a job, grouped", median(&explanations), "s", goal);
    let size = size as f64 / 1e6;
    figure("B21", "answer of the explanation", size, "MB", goal);
    Ok(())
}
