//! Passwords on their way to a target.

use healthgate::model::ReasonCode;
use healthgate_testkit::{Recorder, WebScript, WebTarget};
use serde_json::json;
use tracing::Level;

use crate::{log::Log, runner::support::Bench};

/// F86: whatever is logged at the finest level, by us or by what we use, no password is in it.
#[test]
fn f86_no_log_and_no_outcome_holds_a_password() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (told, log) = Log::of(Level::TRACE, || {
        runtime.block_on(async {
            let bench = Bench::new();
            let target = WebTarget::builder()
                .with_path("/", WebScript::basic_auth("monitor", "canary-hunter2", "in"))
                .with_path("/away", WebScript::redirect("http://other.example/"))
                .with_path("/reset", WebScript::Reset)
                .start()
                .await
                .unwrap();
            let silent = Recorder::start().await.unwrap();
            let mut told = String::new();
            tracing::trace!("capturing");
            for url in [
                target.url("/"),
                target.url("/away"),
                target.url("/reset"),
                silent.url(),
                "http://169.254.1.1/".to_owned(),
            ] {
                let check = bench.check(json!({"name": "web", "check_type": "http", "url": url,
                    "expected_body": "in", "basic_auth_user": "monitor",
                    "basic_auth_pass": "canary-hunter2"}));
                let shown = format!("{check:?}");
                told.push_str(&shown);
                let outcome = format!("{:?}", bench.ask(check).await);
                told.push_str(&outcome);
            }
            told
        })
    });
    let logged = log.text();
    assert!(logged.contains("capturing"), "the finest level is captured");
    assert!(told.contains("Ok"), "the password was sent and accepted: {told}");
    // The second one is `monitor:canary-hunter2` as basic authentication writes it.
    for secret in ["hunter2", "bW9uaXRvcjpjYW5hcnktaHVudGVyMg"] {
        assert!(!logged.contains(secret) && !told.contains(secret), "{secret}");
    }
}

/// F80: a row that was moved to another check does not open, and nothing is sent.
#[tokio::test]
async fn f80_a_moved_password_fails_its_check_before_anything_is_sent() {
    let bench = Bench::new();
    let target = WebTarget::builder().with_path("/", WebScript::ok("in")).start().await.unwrap();
    let body = json!({"name": "web", "check_type": "http", "url": target.url("/"),
        "expected_body": "in", "basic_auth_user": "u", "basic_auth_pass": "p"});
    let (mut first, second) = (bench.check(body.clone()), bench.check(body));
    first.secret.clone_from(&second.secret);
    let outcomes = bench.run(vec![first.clone(), second.clone()], None).await;
    let reason = |id| outcomes.iter().find(|outcome| outcome.check_id == id).unwrap().reason;
    assert_eq!(reason(first.id), ReasonCode::SecretUnreadable);
    assert_eq!(reason(second.id), ReasonCode::Ok);
    assert_eq!(target.counters().requests, 1);
}
