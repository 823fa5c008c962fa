//! Addresses that a check must not be aimed at, in every form in which they can be written.

use serde_json::json;

use super::Findings;
use crate::manager::{Kind, Setup, checks_of};

/// F260 and F96: special addresses and ports are refused before anything is sent.
#[tokio::test(flavor = "multi_thread")]
async fn f260_special_addresses_are_no_targets() {
    let setup = Setup::new(Kind::Sqlite).await;
    let text = setup.configuration().replace("[\"127.0.0.0/8\"]", "[]");
    setup.write("manager.toml", &text);
    let manager = setup.start("serve");
    let oscar = setup.client(&manager, "oscar");
    let mut findings = Findings::default();
    for host in [
        "127.0.0.1",
        "127.255.255.254",
        "localhost",
        "0",
        "0.0.0.0",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "127.1",
        "127.0.0.1.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:db8::5efe:127.0.0.1]",
        "[2001:0:53aa:64c::1]",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[fd00:42::42]",
        "[fd20:ce::254]",
        "192.0.0.192",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[fe80::1]",
        "[ff02::1]",
        "192.0.2.1:22",
        "192.0.2.1:25",
        "192.0.2.1:6379",
        "192.0.2.1:5432",
    ] {
        let url = format!("http://{host}/");
        let body = json!({"name": "n", "check_type": "http", "url": url, "expected_body": "x"});
        let path = format!("{}/test", checks_of(setup.hosts[0]));
        let answer = oscar.post(&path, body).await;
        let told = answer.json();
        let of_url = told["errors"].as_array().is_some_and(|all| all[0]["field"] == "url");
        let is_right = told["reason"] == "destination_refused" || of_url;
        findings.note(host, is_right, &told);
    }
    findings.judge(38);
}
