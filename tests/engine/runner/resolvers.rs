//! Names that do not exist, and resolvers that do not answer (F195).

use std::{net::Ipv4Addr, process::Command};

use healthgate::model::{AgentEndpoint, ReasonCode};
use tokio::net::UdpSocket;

use crate::runner::support::{Bench, PLENTY, names};

/// F195: a resolver that fails is told from a name without an address, for HTTP checks and agents.
#[tokio::test]
async fn f195_a_resolver_that_fails_is_told_from_a_name_that_does_not_exist() {
    let known = names(&[("empty.example", &[&[]])]);
    let bench = Bench::with_names(|config| config.resolver = known.clone(), Some(known.clone()));
    for (name, expected) in [
        ("empty.example", ReasonCode::Dns),
        ("unknown.example", ReasonCode::Dns),
        ("away.example", ReasonCode::ResolverFailed),
    ] {
        let (reason, detail) = bench.get(&format!("http://{name}/"), "").await;
        assert_eq!(reason, expected, "{name}: {detail}");
        let endpoint = AgentEndpoint::new(name, 12_443, None).unwrap();
        let outcome = bench.run(vec![bench.service("unit")], Some(endpoint)).await.remove(0);
        assert_eq!(outcome.reason, expected, "{name}: {}", outcome.detail);
    }
}

/// F195: the same on the wire, with the system's resolver and a name server of the test's, in namespaces
/// of its own. Where the system makes none, there is nothing to see.
#[tokio::test]
async fn f195_the_systems_resolver_tells_failures_apart() {
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("resolv.conf");
    std::fs::write(&settings, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    let inside = |script: &str, arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "--net", "sh", "-c", script]);
        command.arg(std::env::current_exe().unwrap()).args(arguments).env("RESOLV", &settings);
        command
    };
    let prepare = "ip link set lo up && mount --bind \"$RESOLV\" /etc/resolv.conf";
    let possible = inside(prepare, &[]).output().is_ok_and(|output| output.status.success());
    if !possible {
        println!("no namespaces here");
        return;
    }
    let child = "runner::resolvers::child_asks_the_systems_resolver";
    let mut command =
        inside(&format!("{prepare} && exec \"$0\" \"$@\""), &["--ignored", "--exact", child]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
#[ignore = "a process of f195: it needs the name server of its namespace"]
async fn child_asks_the_systems_resolver() {
    let bench = Bench::new();
    let reason = async |name: &str| {
        let check = bench.http(&format!("http://{name}:9/"), "");
        bench.run_within(vec![check], None, PLENTY).await.remove(0)
    };
    let away = reason("any.example").await;
    assert_eq!(away.reason, ReasonCode::ResolverFailed, "nobody answers: {}", away.detail);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).await.unwrap();
    let server = tokio::spawn(serve(socket));
    for (name, expected) in [
        ("missing.example", ReasonCode::Dns),
        ("empty.example", ReasonCode::Dns),
        ("servfail.example", ReasonCode::ResolverFailed),
        ("refused.example", ReasonCode::ResolverFailed),
        // It has an address, where nobody listens.
        ("there.example", ReasonCode::Connect),
    ] {
        let outcome = reason(name).await;
        assert_eq!(outcome.reason, expected, "{name}: {}", outcome.detail);
    }
    server.abort();
}

/// A name server of one zone: the first label of the name says what is answered.
async fn serve(socket: UdpSocket) {
    let mut query = [0_u8; 512];
    while let Ok((length, peer)) = socket.recv_from(&mut query).await {
        let question = &query[12..length];
        let label = &question[1..=usize::from(question[0])];
        let name_length = question.iter().position(|byte| *byte == 0).unwrap() + 1;
        let is_ipv4 = question[name_length..name_length + 2] == [0, 1];
        let has_address = label == b"there" && is_ipv4;
        let code = match label {
            b"missing" => 3,
            b"servfail" => 2,
            b"refused" => 5,
            _ => 0,
        };
        let mut answer = query[..2].to_vec();
        answer.extend_from_slice(&[0x81, 0x80 | code, 0, 1, 0, u8::from(has_address), 0, 0, 0, 0]);
        answer.extend_from_slice(&question[..name_length + 4]);
        if has_address {
            answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
        }
        socket.send_to(&answer, peer).await.unwrap();
    }
}
