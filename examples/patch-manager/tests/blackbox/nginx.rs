//! Debian's nginx as a target: TLS, basic authentication, a redirect, a substring.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use healthgate_testkit::{Authority, ServerCertSpec};
use serde_json::{Value, json};

use crate::manager::{Kind, LONG, Setup, checks_of};

/// A running nginx; it ends with the value.
pub(crate) struct Nginx(Child);

impl Nginx {
    /// Starts it with these servers in a folder of a setup, and waits until it takes connections.
    pub(crate) async fn start(setup: &Setup, port: u16, servers: &str) -> Self {
        let folder = setup.folder.path().display();
        setup.write(
            "nginx.conf",
            &format!(
                "daemon off; user root; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  {servers}
}}"
            ),
        );
        let config = setup.path("nginx.conf");
        let mut command = Command::new(program());
        command.args(["-c", config.to_str().unwrap(), "-p", setup.folder.path().to_str().unwrap()]);
        let nginx = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || fs::read_to_string(setup.path("error.log")).unwrap_or_default();
            assert!(started.elapsed() < LONG, "nginx does not start: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &id]).status();
        let _ = self.0.wait();
    }
}

/// The program, where it is installed; `scripts/test` installs it.
fn program() -> &'static str {
    ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"]
        .into_iter()
        .find(|path| fs::exists(path).unwrap_or(false))
        .expect("nginx is missing: scripts/test installs it with apt")
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_is_checked_over_tls_with_a_password_through_a_redirect() {
    let setup = Setup::new(Kind::Sqlite).await;
    let authority = Authority::new("the web's own authority");
    let identity = authority.issue_server(&ServerCertSpec::loopback());
    setup.write("web-ca.pem", authority.ca_pem());
    setup.write("server.pem", &identity.cert_pem);
    setup.write("server.key", &identity.key_pem);
    fs::create_dir(setup.path("html")).unwrap();
    setup.write("html/status.html", &format!("{}the queue is empty", "<!-- -->".repeat(2_000)));
    setup.write("passwords", "monitor:{PLAIN}secret\n");
    let port = free_port();
    let folder = setup.folder.path().display();
    let server = format!(
        "server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
    root {folder}/html;
    location = /health {{ return 302 /status.html; }}
    location = /away {{ return 302 https://example.org/; }}
    location / {{ auth_basic \"status\"; auth_basic_user_file {folder}/passwords; }}
  }}"
    );
    let _nginx = Nginx::start(&setup, port, &server).await;
    let text =
        setup.configuration().replace("[http_checks]", "[http_checks]\nextra_ca = \"web-ca.pem\"");
    setup.write("manager.toml", &text);
    let manager = setup.start("serve");
    let api = setup.client(&manager, "ada");
    let test = format!("{}/test", checks_of(setup.hosts[0]));
    let check = |path: &str, password: &str, body: &str| {
        json!({"name": "nginx", "check_type": "http", "url": format!("https://127.0.0.1:{port}{path}"),
            "expected_body": body, "ignore_cert_errors": false, "basic_auth_user": "monitor",
            "basic_auth_pass": password})
    };
    let reason = async |body: Value| {
        api.post(&test, body).await.expect(200)["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason(check("/health", "secret", "the queue is empty")).await, "ok");
    assert_eq!(reason(check("/health", "secret", "the queue is full")).await, "body_mismatch");
    assert_eq!(reason(check("/health", "wrong", "the queue is empty")).await, "status");
    assert_eq!(reason(check("/away", "secret", "")).await, "redirect_refused");
    assert_eq!(reason(check("/none", "secret", "")).await, "status");
    let mut by_name = check("/health", "secret", "");
    by_name["url"] = json!(format!("https://127.0.0.2:{port}/health"));
    assert_eq!(reason(by_name).await, "connect");
}
