//! Checks as a way to reach what only the manager can.

use healthgate_testkit::Postgres;
use serde_json::{Value, json};

use crate::manager::{Api, Kind, Setup, checks_of};

/// What a test of this URL came to: the reason, or the code of the refusal.
async fn reason(api: &Api, setup: &Setup, url: &str) -> String {
    let body = json!({"name": "n", "check_type": "http", "url": url, "expected_body": "x"});
    let answer = api.post(&format!("{}/test", checks_of(setup.hosts[0])), body).await.json();
    let told = [&answer["reason"], &answer["errors"][0]["code"], &answer["code"]];
    told.into_iter().find_map(Value::as_str).unwrap_or_default().to_owned()
}

/// An address that this machine shows to others, where it is on a network.
fn shown() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// F256: no check reaches the manager's listener, by whichever address of this machine, nor its database.
#[tokio::test]
async fn f256_no_check_reaches_the_manager_itself() {
    let setup = Setup::new(Kind::Postgres).await;
    let text = setup
        .configuration()
        .replace("listen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:0\"")
        .replace("[\"127.0.0.0/8\"]", "[\"0.0.0.0/0\", \"::/0\"]")
        .replace("@127.0.0.1:", "@localhost:");
    setup.write("manager.toml", &text);
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let (own, database) = (manager.address.unwrap().port(), Postgres::shared().port());
    let mut hosts: Vec<String> =
        ["127.0.0.1", "127.0.0.2", "127.1.2.3", "0.0.0.0", "localhost", "[::ffff:127.0.0.1]"]
            .map(str::to_owned)
            .to_vec();
    hosts.extend(shown().map(|shown| shown.to_string()));
    for host in &hosts {
        for port in [own, database] {
            let url = format!("http://{host}:{port}/healthz");
            let told = reason(&ada, &setup, &url).await;
            assert_eq!(told, "destination_refused", "{url}");
        }
    }
    // What is not the manager's is reached: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let told = reason(&ada, &setup, &format!("http://127.0.0.1:{free}/")).await;
    assert_ne!(told, "destination_refused");
}

/// F271: with `only_destinations` a check reaches nothing else, whatever is allowed besides.
#[tokio::test]
async fn f271_checks_reach_the_networks_of_the_configuration_alone() {
    let setup = Setup::new(Kind::Sqlite).await;
    let only = "[http_checks]\nonly_destinations = [\"127.0.0.0/30\"]";
    setup.write("manager.toml", &setup.configuration().replace("[http_checks]", only));
    let manager = setup.start("serve");
    let ada = setup.client(&manager, "ada");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (host, reached) in [
        ("127.0.0.1", true),
        ("127.0.0.3", true),
        ("127.0.0.4", false),
        ("10.0.0.1", false),
        ("[::1]", false),
    ] {
        let told = reason(&ada, &setup, &format!("http://{host}:{free}/")).await;
        assert_eq!(told != "destination_refused", reached, "{host}: {told}");
    }
    setup.write(
        "manager.toml",
        &setup
            .configuration()
            .replace("[http_checks]", "[http_checks]\nonly_destinations = [\"x\"]"),
    );
    let refused = setup.configured("check-config");
    assert!(!refused.success && refused.stderr.contains("only_destinations"), "{refused:?}");
}
