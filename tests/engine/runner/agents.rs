//! What is made of an agent's answer, and of its certificate.

use std::{fs, sync::Arc, time::Duration};

use chrono::{TimeDelta, Utc};
use healthgate::{
    checks::{AgentTransport, CertificateFiles, MutualTlsAgents},
    model::{AgentEndpoint, NewCheck, ReasonCode},
};
use healthgate_testkit::{
    Agent, Authority, ClientRefusal, ServerCertSpec, ServiceScript as Script, TlsMode,
};
use serde_json::json;

use crate::runner::support::{Bench, endpoint};

/// F110, F111, F112, F115: every answer that an agent can give has its reason.
#[tokio::test]
async fn f110_f111_f112_f115_every_answer_has_its_reason() {
    let bench = Bench::new();
    let agent = Agent::builder(&bench.authority).start().await.unwrap();
    let raw = |body: &str| Script::RawBody(body.as_bytes().to_vec());
    use ReasonCode::{
        AgentBadReply, AgentError, AgentRateLimited, AgentRefused, AgentUnsupported, Connect, Ok,
        RedirectRefused, ServiceNameInvalid, ServiceNotFound, ServiceUnhealthy,
    };
    for (script, expected) in [
        (Script::Healthy, Ok),
        (Script::SocketActivated, Ok),
        (Script::ExtraFields, Ok),
        (Script::AliasOf("ssh.service".into()), Ok),
        (Script::Inactive, ServiceUnhealthy),
        (Script::Failed, ServiceUnhealthy),
        (Script::Oneshot, ServiceUnhealthy),
        (Script::Masked, ServiceUnhealthy),
        (Script::Activating, ServiceUnhealthy),
        (Script::Missing, ServiceNotFound),
        (Script::BadName, ServiceNameInvalid),
        (Script::BadCharacter, AgentError),
        (Script::BackendError, AgentError),
        (Script::ErrorStatusHealthy, AgentError),
        (Script::SuccessFalse, AgentError),
        (Script::HtmlBadGateway, AgentError),
        (Script::DataNull, AgentBadReply),
        (Script::DataArray, AgentBadReply),
        (Script::HealthyMissing, AgentBadReply),
        (Script::HealthyValue(json!("true")), AgentBadReply),
        (Script::HealthyValue(json!(1)), AgentBadReply),
        (Script::NameMissing, AgentBadReply),
        (Script::NameValue(json!("")), AgentBadReply),
        (Script::TruncatedJson, AgentBadReply),
        (Script::HugeBody(70_000), AgentBadReply),
        (raw("{\"success\":true,\"success\":true}"), AgentBadReply),
        (raw("\u{feff}{}"), AgentBadReply),
        (raw(&"[".repeat(1_000)), AgentBadReply),
        (Script::MethodNotAllowed, AgentUnsupported),
        (Script::NotFoundPlain, AgentUnsupported),
        (Script::Unauthorized, AgentRefused),
        (Script::Forbidden, AgentRefused),
        (Script::AuthzIpDenied, AgentRefused),
        (Script::Redirect("https://127.0.0.1/".into()), RedirectRefused),
        (Script::TooManyRequests { retry_after: 60 }, AgentRateLimited),
        (Script::TooManyRequestsRaw(None), AgentRateLimited),
        (Script::Reset, Connect),
    ] {
        agent.set("unit", script.clone());
        let outcome = bench.unit(&agent, "unit").await;
        assert_eq!(outcome.reason, expected, "{script:?}: {}", outcome.detail);
    }
}

#[tokio::test]
async fn f89_an_agent_that_does_not_answer_is_told_by_phase() {
    let bench = Bench::new();
    let agent = Agent::builder(&bench.authority).start().await.unwrap();
    let pace = Duration::from_millis(50);
    for (script, expected) in [
        (Script::Hang, ReasonCode::TimeoutHead),
        (Script::SlowHeaders(pace), ReasonCode::TimeoutHead),
        (Script::SlowBody(pace), ReasonCode::TimeoutBody),
    ] {
        agent.set("unit", script.clone());
        let outcome = bench.unit(&agent, "unit").await;
        assert_eq!(outcome.reason, expected, "{script:?}: {}", outcome.detail);
    }
}

/// F109: an alias is shown and does not fail; the detail carries the states.
#[tokio::test]
async fn f109_an_alias_counts_and_is_shown() {
    let bench = Bench::new();
    let agent = Agent::builder(&bench.authority)
        .with_service("sshd", Script::AliasOf("ssh.service".into()))
        .with_service("nginx", Script::Healthy)
        .start()
        .await
        .unwrap();
    let detail = bench.unit(&agent, "sshd").await.detail.to_string();
    assert!(detail.contains("answers as ssh.service"), "{detail}");
    let detail = bench.unit(&agent, "nginx").await.detail.to_string();
    assert_eq!(detail, "active/running, enabled");
}

/// F107, F116: no fault of an agent's certificate is tolerated, and each has its own reason.
#[tokio::test]
async fn f107_f116_no_fault_of_a_certificate_is_tolerated() {
    use ReasonCode::{
        TimeoutConnect, TlsExpired, TlsName, TlsNotYetValid, TlsRefused, TlsUntrusted,
    };
    let bench = Bench::new();
    for (mode, expected) in [
        (TlsMode::WrongSan, TlsName),
        (TlsMode::Expired, TlsExpired),
        (TlsMode::NotYetValid, TlsNotYetValid),
        (TlsMode::OtherAuthority, TlsUntrusted),
        (TlsMode::SelfSigned, TlsUntrusted),
        (TlsMode::RefuseClient(ClientRefusal::Revoked), TlsRefused),
        (TlsMode::RefuseClient(ClientRefusal::UnknownAuthority), TlsRefused),
        (TlsMode::SilentDropAfterAccept, TimeoutConnect),
        (TlsMode::HangInHandshake, TimeoutConnect),
        (TlsMode::AuthzIpDenied, ReasonCode::AgentRefused),
    ] {
        let builder = Agent::builder(&bench.authority).with_tls(mode);
        let agent = builder.with_service("unit", Script::Healthy).start().await.unwrap();
        let outcome = bench.unit(&agent, "unit").await;
        assert_eq!(outcome.reason, expected, "{mode:?}: {}", outcome.detail);
    }
    for mode in [TlsMode::CloseAfterAccept, TlsMode::PlainHttp] {
        let builder = Agent::builder(&bench.authority).with_tls(mode);
        let agent = builder.with_service("unit", Script::Healthy).start().await.unwrap();
        let outcome = bench.unit(&agent, "unit").await;
        assert!(!outcome.reason.observed() && outcome.reason != ReasonCode::Internal, "{mode:?}");
    }
    let gone = Agent::builder(&bench.authority).start().await.unwrap();
    let address = endpoint(&gone);
    gone.stop().await;
    let outcome = bench.run(vec![bench.service("unit")], Some(address)).await.remove(0);
    assert_eq!(outcome.reason, ReasonCode::Connect, "{}", outcome.detail);
}

/// F108: the certificate must be valid for the identity that the host record names, and for no other.
#[tokio::test]
async fn f108_an_agent_answers_for_its_own_identity_alone() {
    let bench = Bench::new();
    let agent = Agent::builder(&bench.authority)
        .with_certificate(ServerCertSpec::new("web-01").with_dns("web-01.example"))
        .with_service("unit", Script::Healthy)
        .start()
        .await
        .unwrap();
    let address = agent.addr();
    let named = |identity: Option<&str>| {
        let identity = identity.map(str::to_owned);
        AgentEndpoint::new(address.ip().to_string(), address.port(), identity).unwrap()
    };
    for (identity, expected) in [
        (Some("web-01.example"), ReasonCode::Ok),
        (Some("web-02.example"), ReasonCode::TlsName),
        (None, ReasonCode::TlsName),
    ] {
        let outcome = bench.run(vec![bench.service("unit")], Some(named(identity))).await.remove(0);
        assert_eq!(outcome.reason, expected, "{identity:?}: {}", outcome.detail);
    }
}

/// F113: a unit's name is one encoded segment of the path, whatever it holds.
#[tokio::test]
async fn f113_a_name_is_one_segment_of_the_path() {
    let bench = Bench::new();
    let agent = Agent::builder(&bench.authority)
        .with_service("a+b@c.service", Script::Healthy)
        .start()
        .await
        .unwrap();
    assert_eq!(bench.unit(&agent, "a+b@c.service").await.reason, ReasonCode::Ok);
    let requests = agent.requests();
    assert_eq!(requests[0].target, "/api/v1/system/services/a%2Bb%40c.service");
    assert_eq!(requests[0].alpn.as_deref(), Some("http/1.1"), "F103");
}

/// A pause that the agent asks for is kept to once, where the deadline allows.
#[tokio::test]
async fn a_limited_rate_is_waited_for_where_the_deadline_allows() {
    let bench = Bench::new();
    let agent = Agent::builder(&bench.authority).start().await.unwrap();
    let limited = |retry_after| Script::TooManyRequests { retry_after };
    agent.set("unit", Script::Sequence(vec![limited(0), Script::Healthy]));
    assert_eq!(bench.unit(&agent, "unit").await.reason, ReasonCode::Ok);
    agent.set("unit", Script::Sequence(vec![limited(0), limited(0), Script::Healthy]));
    assert_eq!(bench.unit(&agent, "unit").await.reason, ReasonCode::AgentRateLimited);
    agent.clear_requests();
    agent.set("unit", Script::Sequence(vec![limited(5), Script::Healthy]));
    assert_eq!(bench.unit(&agent, "unit").await.reason, ReasonCode::AgentRateLimited);
    assert_eq!(agent.requests().len(), 1);
}

/// F149: no pause that an agent asks for, however long, makes the run panic.
#[tokio::test]
async fn f149_an_endless_pause_is_a_limited_rate() {
    let bench = Bench::new();
    let agent = Agent::builder(&bench.authority).start().await.unwrap();
    for seconds in ["18446744073709551615", "18446744073709551614", "9223372036854775807", "-1"] {
        agent.set("unit", Script::TooManyRequestsRaw(Some(seconds.to_owned())));
        let outcome = bench.unit(&agent, "unit").await;
        assert_eq!(outcome.reason, ReasonCode::AgentRateLimited, "{seconds}: {}", outcome.detail);
    }
}

/// Changed certificate files are picked up, and broken ones change nothing.
#[tokio::test]
async fn certificate_files_that_change_are_read_again() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let files = CertificateFiles {
        authority: file("ca.pem"),
        certificate: file("client.pem"),
        key: file("client.key"),
    };
    let write = |authority: &Authority| {
        let manager = authority.issue_client("manager");
        fs::write(&files.authority, authority.ca_pem()).unwrap();
        fs::write(&files.certificate, &manager.cert_pem).unwrap();
        fs::write(&files.key, &manager.key_pem).unwrap();
    };
    write(&first);
    let agents = Arc::new(MutualTlsAgents::from_files(files.clone()).unwrap());
    let agent =
        Agent::builder(&second).with_service("unit", Script::Healthy).start().await.unwrap();
    let body = json!({"name": "unit", "check_type": "service", "service_name": "unit"});
    let definition = NewCheck::from_json(body).unwrap().definition;
    let unit = definition.service().unwrap().service_name.clone();
    let reached = || {
        let (agents, endpoint, unit) = (agents.clone(), endpoint(&agent), unit.clone());
        async move {
            let link = agents.link(&endpoint).unwrap();
            link.service(&unit, Duration::from_secs(1)).await.is_ok()
        }
    };
    assert!(!reached().await, "the old authority does not know this agent");
    write(&second);
    let limit = tokio::time::Instant::now() + Duration::from_secs(10);
    while !reached().await {
        assert!(tokio::time::Instant::now() < limit, "the new files were not picked up");
    }
    let mut looks = 0;
    fs::write(&files.key, "broken").unwrap();
    let limit = tokio::time::Instant::now() + Duration::from_millis(1_500);
    while tokio::time::Instant::now() < limit {
        assert!(reached().await, "the old ones stay in use");
        looks += 1;
    }
    assert!(looks > 1);
    assert!(MutualTlsAgents::from_files(files).is_err(), "a start with them is refused");
}

/// F272: a revoked certificate is refused from the next list on, and so is every certificate once the list
/// is out of date or is another authority's.
#[tokio::test]
async fn f272_a_revoked_agent_is_refused() {
    let (authority, other) = (Authority::new("agents"), Authority::new("other"));
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let manager = authority.issue_client("manager");
    let files = CertificateFiles {
        authority: file("ca.pem"),
        certificate: file("client.pem"),
        key: file("client.key"),
    };
    fs::write(&files.authority, authority.ca_pem()).unwrap();
    fs::write(&files.certificate, &manager.cert_pem).unwrap();
    fs::write(&files.key, &manager.key_pem).unwrap();
    let agent =
        Agent::builder(&authority).with_service("unit", Script::Healthy).start().await.unwrap();
    let identity = agent.identity().expect("the agent's certificate");
    let body = json!({"name": "unit", "check_type": "service", "service_name": "unit"});
    let definition = NewCheck::from_json(body).unwrap().definition;
    let unit = definition.service().unwrap().service_name.clone();
    let soon = Utc::now() + TimeDelta::days(7);
    let past = Utc::now() - TimeDelta::days(1);
    let someone = authority.issue_client("someone");
    for (list, words) in [
        (authority.revocation_list(&[&someone], soon), None),
        (authority.revocation_list(&[&someone, &identity], soon), Some("was revoked")),
        (authority.revocation_list(&[], past), Some("out of date")),
        (other.revocation_list(&[], soon), Some("no revocation list covers")),
    ] {
        fs::write(file("crl.pem"), &list).unwrap();
        let agents =
            MutualTlsAgents::from_files_with_revocations(files.clone(), file("crl.pem")).unwrap();
        let link = agents.link(&endpoint(&agent)).unwrap();
        let answer = link.service(&unit, Duration::from_secs(10)).await;
        match words {
            None => assert!(answer.is_ok(), "{answer:?}"),
            Some(words) => {
                let error = answer.unwrap_err();
                assert_eq!(error.reason(), ReasonCode::TlsUntrusted, "{error:?}");
                assert!(error.detail().to_string().contains(words), "{error:?}");
            }
        }
    }
    for unusable in ["", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"] {
        fs::write(file("crl.pem"), unusable).unwrap();
        let agents = MutualTlsAgents::from_files_with_revocations(files.clone(), file("crl.pem"));
        assert!(agents.is_err(), "{unusable:?}");
    }
}
