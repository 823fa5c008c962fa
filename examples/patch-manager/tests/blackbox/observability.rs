//! The dashboard and the alert rules name metrics that there are, and Prometheus can read them.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use healthgate_testkit::ServiceScript;

use crate::manager::{Kind, Setup};

fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// Every word of a text that is a metric's name, without a histogram's suffix.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let word = |character: char| !(character.is_ascii_alphanumeric() || character == '_');
    let names = text.split(word).filter(|word| word.starts_with("healthgate_"));
    names.map(|name| name.strip_suffix("_bucket").unwrap_or(name).to_owned()).collect()
}

#[test]
fn every_metric_of_dashboard_and_alerts_is_documented() {
    let table = fs::read_to_string(docs().join("operations.md")).unwrap();
    let documented: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `healthgate_"))
        .filter_map(|line| Some(format!("healthgate_{}", line.split('`').next()?)))
        .collect();
    assert!(documented.len() > 20, "{documented:?}");
    for file in ["dashboard.json", "alerts.yml"] {
        let text = fs::read_to_string(docs().join("observability").join(file)).unwrap();
        let named = metrics_in(&text);
        assert!(named.len() > 8, "{file}: {named:?}");
        let unknown: Vec<_> = named.difference(&documented).collect();
        assert!(unknown.is_empty(), "{file} names metrics that there are not: {unknown:?}");
    }
    let dashboard = fs::read_to_string(docs().join("observability/dashboard.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
}

/// Where Debian's prometheus is installed; elsewhere the rules are held against the table alone.
#[test]
fn promtool_reads_the_alert_rules() {
    let rules = docs().join("observability/alerts.yml");
    match Command::new("promtool").args(["check", "rules"]).arg(rules).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(error) => eprintln!("promtool is not there: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_manager_counts_is_shown_and_can_be_read() {
    let setup = Setup::new(Kind::Sqlite).await;
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    setup.agents[0].set("nginx", ServiceScript::Failed);
    api.service_check(setup.hosts[0], "nginx").await;
    let job = format!("/api/v1/jobs/{}", api.job(&setup.hosts[..1], 60).await);
    api.until(&job, |job| job["hosts"][0]["gate"]["attempts"][0].is_object()).await;
    let counted =
        ["healthgate_check_runs_total{", "reason=\"service_unhealthy\"", "source=\"gate\""];
    let started = std::time::Instant::now();
    let text = loop {
        let text = api.get("/metrics").await.text;
        if counted.iter().all(|part| text.contains(part)) {
            break text;
        }
        assert!(started.elapsed() < crate::manager::LONG, "{text}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert!(text.contains("healthgate_check_duration_seconds_bucket{"), "{text}");
    assert!(text.contains("healthgate_gates_waiting 1"), "{text}");
    for id in [setup.hosts[0].to_string(), "nginx".to_owned()] {
        assert!(!text.contains(&id), "a label holds {id}");
    }
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(std::process::Stdio::piped());
    let Ok(mut promtool) = promtool.spawn() else { return };
    std::io::Write::write_all(&mut promtool.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let status = promtool.wait().unwrap();
    // 3 are remarks on style, such as a counter without `_total`.
    assert!(matches!(status.code(), Some(0 | 3)), "{status}");
}
