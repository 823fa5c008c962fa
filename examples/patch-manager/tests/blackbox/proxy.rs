//! The installation that `docs/operations.md` describes: nginx with TLS in front, and verified TLS to Postgres.

use futures_util::StreamExt as _;
use healthgate_testkit::{Authority, Postgres, ServerCertSpec};
use reqwest::{Client, Method};
use serde_json::json;

use crate::{
    client::Api,
    manager::{Kind, LONG, Setup, checks_of},
    nginx::{Nginx, free_port},
};

/// The guide's configuration of nginx, on these ports and with these files.
fn of_the_guide(port: u16, manager: &str, folder: &str) -> String {
    let guide = include_str!("../../../../docs/operations.md");
    let server = guide.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next());
    let mut server = server.expect("the guide's server").to_owned();
    for (shown, used) in [
        ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
        ("http://127.0.0.1:8080", format!("http://{manager}")),
        ("/etc/nginx/", format!("{folder}/")),
    ] {
        assert!(server.contains(shown), "{shown}: {server}");
        server = server.replace(shown, &used);
    }
    server
}

/// Every answer that comes through the proxy carries its headers once, whatever it is; events come as they
/// happen; and what is for monitoring is not shown.
#[tokio::test(flavor = "multi_thread")]
async fn the_guides_proxy_adds_its_headers_and_holds_nothing_back() {
    let setup = Setup::new(Kind::Sqlite).await;
    let authority = Authority::new("the web's own authority");
    let identity = authority.issue_server(&ServerCertSpec::loopback());
    setup.write("patch-manager.pem", &identity.cert_pem);
    setup.write("patch-manager.key", &identity.key_pem);
    let proxied = setup.configuration().replace("[api]", "[api]\nproxies = [\"127.0.0.1/32\"]");
    setup.write("manager.toml", &proxied);
    let manager = setup.start("serve");
    let port = free_port();
    let folder = setup.folder.path().to_str().unwrap();
    let server = of_the_guide(port, &manager.address.unwrap().to_string(), folder);
    let _nginx = Nginx::start(&setup, port, &server).await;
    let direct = setup.client(&manager, "ada");
    let tls = authority.client_config(None);
    let client = Client::builder().tls_backend_preconfigured(tls).build().unwrap();
    let ada = Api { client, base: format!("https://127.0.0.1:{port}"), ..direct.clone() };
    let nobody = Api { token: None, ..ada.clone() };
    let large = Some(("application/json", "x".repeat(600_000)));
    let answers = [
        (200, ada.get("/").await),
        (200, ada.get("/healthz").await),
        (200, ada.get("/api/v1/me").await),
        (401, nobody.get("/api/v1/me").await),
        (404, ada.get("/api/v1/nothing").await),
        (404, ada.get("/metrics").await),
        (404, ada.get("/readyz").await),
        (413, ada.raw(Method::POST, "/api/v1/jobs", large, &[]).await),
        (422, ada.post("/api/v1/jobs", json!({})).await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{}", answer.text);
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            let all: Vec<_> = answer.headers.get_all(name).iter().collect();
            assert_eq!(all, [value], "{status} {}: {:?}", answer.text, answer.headers);
        }
        for name in ["x-content-type-options", "content-security-policy", "x-frame-options"] {
            assert!(answer.headers.get_all(name).iter().count() <= 1, "{name}");
        }
    }
    // Without a proxy nobody speaks for TLS.
    assert!(direct.get("/").await.headers.get("strict-transport-security").is_none());

    let stream = ada.stream("/api/v1/events").await;
    assert_eq!(stream.status(), 200);
    ada.service_check(setup.hosts[0], "nginx").await;
    let mut events = stream.bytes_stream();
    let mut text = String::new();
    while !text.contains("event: check_status") {
        let chunk = tokio::time::timeout(LONG, events.next()).await.expect("an event in time");
        text.push_str(&String::from_utf8_lossy(&chunk.expect("a chunk").expect("readable")));
    }
    ada.get(&checks_of(setup.hosts[0])).await.expect(200);
}

/// With `sslmode=verify-full` the program takes no server for its database but the one that its authority vouches
/// for by name.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_prove_its_name_gets_nothing() {
    let server = Postgres::builder().start().expect("started");
    let (right, other) = (Authority::new("databases"), Authority::new("others"));
    let named = |name: &str| ServerCertSpec::new(name).with_dns(name);
    let folder = server.sql("postgres", "show data_directory").expect("read");
    let database = server.create_database().unwrap();
    let url =
        format!("{}?sslmode=verify-full&sslrootcert=ca-of-database.pem", server.url(&database));
    let setup = Setup::on(Kind::Postgres, database, url).await;
    setup.write("ca-of-database.pem", right.ca_pem());
    let migrate = |identity: Option<&healthgate_testkit::Identity>| {
        if let Some(identity) = identity {
            for (name, pem) in
                [("server.crt", &identity.cert_pem), ("server.key", &identity.key_pem)]
            {
                let sql = format!(
                    "copy (select regexp_split_to_table('{}', '\\n')) to program 'umask 077; cat > {folder}/{name}'",
                    pem.trim()
                );
                server.sql("postgres", &sql).expect("written");
            }
            server.sql("postgres", "alter system set ssl = on").expect("set");
            server.restart(healthgate_testkit::Stop::Orderly).expect("restarted");
        }
        setup.configured("migrate")
    };
    let plain = migrate(None);
    assert!(!plain.success, "a server without TLS: {plain:?}");
    let foreign = migrate(Some(&other.issue_server(&ServerCertSpec::loopback())));
    assert!(!foreign.success, "another authority: {foreign:?}");
    let misnamed = migrate(Some(&right.issue_server(&named("db.example"))));
    assert!(!misnamed.success, "another name: {misnamed:?}");
    let good = migrate(Some(&right.issue_server(&ServerCertSpec::loopback())));
    assert!(good.success, "{good:?}");
}
