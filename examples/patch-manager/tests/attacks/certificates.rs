//! Certificates that prove too little or tell too much.

use chrono::{TimeDelta, Utc};
use healthgate_testkit::{TlsMode, WebTarget};
use serde_json::{Value, json};

use crate::manager::{Api, Kind, Setup, checks_of};

async fn tested(api: &Api, list: &str, body: Value) -> Value {
    api.post(&format!("{list}/test"), body).await.expect(200)
}

/// F272: an agent whose certificate is on the list that is given, or picked up while the program runs, is refused.
#[tokio::test(flavor = "multi_thread")]
async fn f272_a_revoked_agent_is_refused_by_the_program() {
    let setup = Setup::new(Kind::Sqlite).await;
    let text = setup.configuration().replace("[worker]", "agent_crl = \"crl.pem\"\n[worker]");
    setup.write("manager.toml", &text);
    let missing = setup.configured("check-config");
    assert!(!missing.success && missing.stderr.contains("crl.pem"), "{missing:?}");
    let soon = Utc::now() + TimeDelta::days(1);
    setup.write("crl.pem", &setup.authority.revocation_list(&[], soon));
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let list = checks_of(setup.hosts[0]);
    let body = json!({"name": "n", "check_type": "service", "service_name": "nginx"});
    assert_eq!(tested(&ada, &list, body.clone()).await["reason"], "ok");
    let revoked = setup.agents[0].identity().expect("its certificate");
    setup.write("crl.pem", &setup.authority.revocation_list(&[&revoked], soon));
    let started = std::time::Instant::now();
    let refused = loop {
        let result = tested(&ada, &list, body.clone()).await;
        if result["reason"] != "ok" {
            break result;
        }
        assert!(started.elapsed() < crate::manager::LONG, "{result}");
    };
    assert_eq!(refused["reason"], "tls_untrusted", "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("was revoked"), "{refused}");
    // The others are asked as before.
    let other = tested(&ada, &checks_of(setup.hosts[1]), body).await;
    assert_eq!(other["reason"], "ok", "{other}");
}

/// F273: a check that meets the certificate of another machine says so, and not which machine that is.
#[tokio::test(flavor = "multi_thread")]
async fn f273_the_names_of_a_foreign_certificate_are_not_told() {
    let setup = Setup::new(Kind::Sqlite).await;
    setup.write("web-ca.pem", setup.authority.ca_pem());
    let text =
        setup.configuration().replace("[http_checks]", "[http_checks]\nextra_ca = \"web-ca.pem\"");
    setup.write("manager.toml", &text);
    // Names other-host.example and 192.0.2.1.
    setup.agents[0].set_tls(TlsMode::WrongSan);
    let target = WebTarget::builder().with_tls(&setup.authority, TlsMode::WrongSan);
    let target = target.start().await.unwrap();
    let manager = setup.start("serve");
    let oscar = setup.client(&manager, "oscar");
    let list = checks_of(setup.hosts[0]);
    for body in [
        json!({"name": "n", "check_type": "service", "service_name": "nginx"}),
        json!({"name": "n", "check_type": "http", "url": target.url("/"), "expected_body": "x",
            "ignore_cert_errors": false}),
    ] {
        let result = tested(&oscar, &list, body).await;
        assert_eq!(result["reason"], "tls_name", "{result}");
        let text = result.to_string();
        assert!(!text.contains("other-host") && !text.contains("192.0.2.1"), "{result}");
        assert!(text.contains("127.0.0.1"), "what was asked for is told: {result}");
    }
}
