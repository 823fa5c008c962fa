//! Configurations that cannot be, each with one clear line; and the commands that take one.

use std::{fs, os::unix::fs::PermissionsExt as _};

use healthgate_testkit::{Authority, BlackHole};

use crate::manager::{Kind, Setup, mode, sha256, token};

/// A change of the configuration, and what the line must hold.
type Case = (Box<dyn Fn(String) -> String>, &'static [&'static str]);

/// Adds a freeze of these groups, as TOML, from one day to another.
fn freeze(name: &str, groups: &str, from: &str, until: &str) -> Box<dyn Fn(String) -> String> {
    let day = |day: &str| format!("\"2026-12-{day}T00:00:00Z\"");
    let (from, until) = (day(from), day(until));
    let freeze = format!(
        "[[freezes]]\nname = \"{name}\"\ngroups = {groups}\nstarts_at = {from}\nends_at = {until}\n"
    );
    Box::new(move |text| text + &freeze)
}

/// Starts with a changed configuration; the one line on standard error.
fn refused(setup: &Setup, change: impl Fn(String) -> String) -> String {
    setup.write("manager.toml", &change(setup.configuration()));
    let ended = setup.configured("serve");
    assert!(!ended.success, "it started: {ended:?}");
    let lines: Vec<&str> =
        ended.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{ended:?}");
    assert_eq!(ended.stderr.lines().last(), Some(lines[0]));
    lines[0].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_be_ends_the_start_with_one_clear_line() {
    let setup = Setup::new(Kind::Sqlite).await;
    let replace = |from: &'static str, to: &'static str| {
        move |text: String| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        }
    };
    let stranger = Authority::new("a stranger").issue_client("manager");
    setup.write("other.key", &stranger.key_pem);
    setup.write("nonsense.pem", "no certificate");
    setup.write("no-database.db", &"this is no database. ".repeat(100));
    let twice = |text| freeze("twice", "[]", "01", "02")(freeze("twice", "[]", "03", "04")(text));
    let cases: [Case; 25] = [
        (freeze("", "[]", "01", "02"), &["freeze", "name"]),
        (freeze("year end", "[\"nowhere\"]", "01", "02"), &["year end", "nowhere"]),
        (freeze("year end", "[]", "02", "01"), &["year end", "ends_at", "after"]),
        (freeze("year end", "[]", "02", "02"), &["year end", "ends_at", "after"]),
        (freeze("year end", "[]", "1", "02"), &["year end", "starts_at", "2026-12-1T00"]),
        (freeze("year end", "[]\nuntil = \"x\"", "01", "02"), &["line", "until"]),
        (freeze(&"x".repeat(61), "[]", "01", "02"), &["60 characters"]),
        (Box::new(twice), &["freeze", "`twice`", "twice"]),
        (
            Box::new(replace("[worker]", "[worker]\npoll_interval = 3")),
            &["line 9", "poll_interval"],
        ),
        (Box::new(replace("[api]", "[apis]")), &["apis"]),
        (Box::new(replace("role = \"admin\"", "role = \"root\"")), &["root", "line"]),
        (Box::new(|text| text + "[[hosts"), &["line"]),
        (
            Box::new(replace(
                "agent_client_key = \"client.key\"",
                "agent_client_key = \"none.key\"",
            )),
            &["none.key", "No such file"],
        ),
        (
            Box::new(replace(
                "agent_client_key = \"client.key\"",
                "agent_client_key = \"other.key\"",
            )),
            &["certificate and key"],
        ),
        (
            Box::new(replace("agent_ca = \"ca.pem\"", "agent_ca = \"nonsense.pem\"")),
            &["certificate"],
        ),
        (
            Box::new(replace("poll_interval_secs = 1", "poll_interval_secs = 0")),
            &["health_check_poll_interval_secs", "at least 1"],
        ),
        (
            Box::new(replace("timeout_secs = 2", "timeout_secs = 61")),
            &["health_check_timeout_secs", "between 1 and 60"],
        ),
        (
            Box::new(replace("\"127.0.0.0/8\"", "\"localhost\"")),
            &["allowed_destinations", "localhost"],
        ),
        (Box::new(replace("sqlite://manager.db", "mysql://x/y")), &["database_url"]),
        (
            Box::new(replace("sqlite://manager.db", "postgres://postgres@127.0.0.1:9/none")),
            &["database", "127.0.0.1"],
        ),
        (Box::new(replace("sqlite://manager.db", "sqlite://no-database.db")), &["database"]),
        (Box::new(replace("name = \"db-01\"", "name = \"web-01\"")), &["host", "web-01", "twice"]),
        (
            Box::new(replace("groups = [\"other\"]\ntoken", "groups = [\"nowhere\"]\ntoken")),
            &["nowhere"],
        ),
        (Box::new(replace("token_sha256 = \"", "token_sha256 = \"x")), &["token_sha256"]),
        (Box::new(replace("listen = \"127.0.0.1:0\"", "listen = \"here\"")), &["listen", "here"]),
    ];
    for (change, parts) in cases {
        let line = refused(&setup, change);
        for part in parts {
            assert!(line.contains(part), "`{part}` is not in: {line}");
        }
    }
    let twice = setup.hosts[0].to_string();
    let line = refused(&setup, |text| text.replace(&setup.hosts[1].to_string(), &twice));
    assert!(line.contains(&twice) && line.contains("twice"), "{line}");
    let missing = setup.command(&["serve", "--config", "nowhere.toml"]);
    assert!(!missing.success && missing.stderr.contains("nowhere.toml"), "{missing:?}");
    // Web and worker by themselves share a database with others.
    setup.write("manager.toml", &setup.configuration());
    for command in ["web", "worker"] {
        let ended = setup.configured(command);
        assert!(!ended.success && ended.stderr.contains("needs Postgres"), "{ended:?}");
    }
    assert!(!setup.path("manager.db").exists(), "a refused start makes nothing");
}

/// The first of a text's occurrences, replaced.
fn replaced(from: &'static str, to: &str) -> Box<dyn Fn(String) -> String> {
    let to = to.to_owned();
    Box::new(move |text: String| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, &to, 1)
    })
}

/// Figures, files, people, machines and databases that cannot be: each start ends with one line that
/// names what to look at.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_value_that_cannot_be_is_named() {
    let setup = Setup::new(Kind::Sqlite).await;
    fs::create_dir(setup.path("folder")).unwrap();
    setup.write("empty.pem", "");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let nobody = format!("postgres://{}", "x:y@127.0.0.1:1/none");
    let first_host = format!("id = \"{}\"", setup.hosts[0]);
    let first_port = format!("agent_port = {}", setup.agents[0].addr().port());
    let hash = sha256(&token("ada"));
    let other_hash = sha256(&token("oscar"));
    let own = |from: String, to: &str| {
        let to = to.to_owned();
        Box::new(move |text: String| {
            assert!(text.contains(&from), "{from}");
            text.replacen(&from, &to, 1)
        }) as Box<dyn Fn(String) -> String>
    };
    let cases: Vec<Case> = vec![
        (replaced("agent_ca = \"ca.pem\"\n", ""), &["agent_ca", "line"]),
        (replaced("poll_interval_secs = 1", "poll_interval_secs = \"soon\""), &["line 9", "soon"]),
        (replaced("poll_interval_secs = 1", "poll_interval_secs = -1"), &["line 9", "-1"]),
        (
            replaced("gate_retry_interval_secs = 1", "gate_retry_interval_secs = 0"),
            &["gate_retry_interval_secs", "at least 1"],
        ),
        (
            replaced("max_wait_secs = 60", "max_wait_secs = 604801"),
            &["immediate_max_wait_secs", "7 days"],
        ),
        (
            replaced("[http_checks]", "max_concurrent_checks = 0\n[http_checks]"),
            &["max_concurrent_checks", "at least 1"],
        ),
        (
            replaced("[http_checks]", "health_check_retention_days = 0\n[http_checks]"),
            &["health_check_retention_days", "at least 1"],
        ),
        (
            replaced("[http_checks]", "[http_checks]\nextra_ca = \"none.pem\""),
            &["extra_ca", "none.pem"],
        ),
        (replaced("[http_checks]", "[http_checks]\nextra_ca = \"ca.key\""), &["extra_ca"]),
        (replaced("agent_ca = \"ca.pem\"", "agent_ca = \"folder\""), &["folder", "certificate"]),
        (
            replaced("client_cert = \"client.pem\"", "client_cert = \"empty.pem\""),
            &["no certificate", "the manager's certificate"],
        ),
        (
            replaced("client_key = \"client.key\"", "client_key = \"empty.pem\""),
            &["the manager's key"],
        ),
        (replaced("keys/health-check.key", "folder"), &["folder", "regular file"]),
        (replaced("name = \"other\"", "name = \"web\""), &["group", "web", "twice"]),
        (replaced("name = \"other\"", "name = \" \""), &["group", "name"]),
        (replaced("name = \"oscar\"", "name = \"ada\""), &["user", "ada", "twice"]),
        (own(other_hash, &hash), &["oscar", "token of another user"]),
        (replaced("role = \"admin\"", "role = \"admin\"\nemail = \"x\""), &["email", "line"]),
        (own(first_host.clone(), "id = \"web-01\""), &["line", "UUID"]),
        (own(first_host, "id = \"\""), &["line"]),
        (own(first_port.clone(), "agent_port = 0"), &["web-01", "port"]),
        (own(first_port.clone(), "agent_port = 70000"), &["line", "70000"]),
        (own(first_port, "agent_identity = \"\""), &["web-01", "identity"]),
        (replaced("address = \"127.0.0.1\"", "address = \"a b\""), &["web-01", "address"]),
        (replaced("listen = \"127.0.0.1:0\"", &format!("listen = \"{taken}\"")), &["in use"]),
        (replaced("sqlite://manager.db", "sqlite://"), &["database_url", "file"]),
        (replaced("sqlite://manager.db", "sqlite://folder"), &["folder"]),
        (
            replaced("sqlite://manager.db", &nobody),
            &["database none", "nothing listens on 127.0.0.1:1"],
        ),
    ];
    for (index, (change, parts)) in cases.into_iter().enumerate() {
        let line = refused(&setup, change);
        for part in parts {
            assert!(line.contains(part), "case {index}: `{part}` is not in: {line}");
        }
        assert!(!line.contains("x:y"), "no password is shown: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_made_once_and_an_unsafe_one_is_refused() {
    let setup = Setup::new(Kind::Sqlite).await;
    let key = setup.path("keys/health-check.key");
    let checked = setup.configured("check-config");
    assert!(checked.success, "{checked:?}");
    assert!(checked.stdout.contains("time zones: version 20"), "{checked:?}");
    assert!(!key.exists() && !setup.path("manager.db").exists(), "a look makes nothing");
    let unmigrated = setup.command(&[
        "serve",
        "--no-migrate",
        "--config",
        setup.path("manager.toml").to_str().unwrap(),
    ]);
    assert!(!unmigrated.success, "{unmigrated:?}");
    assert!(setup.configured("migrate").success && setup.configured("migrate").success);

    let manager = setup.start("serve");
    assert_eq!((mode(&key), mode(&setup.path("manager.db"))), (0o600, 0o600));
    assert_eq!(fs::read(&key).unwrap().len(), 32);
    let made = fs::read(&key).unwrap();
    drop(manager);

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let ended = setup.configured("serve");
    assert!(!ended.success && ended.stderr.contains("is not safe"), "{ended:?}");
    assert!(!setup.configured("check-config").success);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, &made[..31]).unwrap();
    let ended = setup.configured("serve");
    assert!(!ended.success && ended.stderr.contains("exactly 32 bytes"), "{ended:?}");
    // Another installation's key.
    fs::write(&key, [7; 32]).unwrap();
    let ended = setup.configured("serve");
    assert!(!ended.success && ended.stderr.contains("does not match"), "{ended:?}");
    fs::write(&key, made).unwrap();
    let (_, success, _) = setup.start("serve").stop();
    assert!(success);
    let version = setup.command(&["--version"]);
    assert!(version.success && version.stdout.starts_with("patch-manager 0."), "{version:?}");
    assert!(setup.command(&["--help"]).stdout.contains("check-config"));
}

/// F183: the line names host and port, and says whether it was refused or did not answer.
#[tokio::test(flavor = "multi_thread")]
async fn f183_a_database_that_nobody_serves_is_named_with_its_port() {
    let setup = Setup::new(Kind::Sqlite).await;
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hole = BlackHole::start().await.unwrap();
    for (address, words) in [(unused, "nothing listens on"), (hole.addr(), "does not answer")] {
        let url = format!("postgres://{}@{address}/fleet", "x:hunter2");
        let text = setup.configuration().replacen("sqlite://manager.db", &url, 1);
        setup.write("manager.toml", &text);
        for command in ["check-config", "serve"] {
            let ended = setup.configured(command);
            assert!(!ended.success, "{ended:?}");
            for part in [&address.to_string(), "fleet", words] {
                assert!(ended.stderr.contains(part), "{command}: no `{part}` in {}", ended.stderr);
            }
            assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
        }
    }
}

/// F184: the driver writes parameters that it does not know into the log, with their values.
#[tokio::test(flavor = "multi_thread")]
async fn f184_no_parameter_of_the_database_url_reaches_the_log() {
    let setup = Setup::new(Kind::Sqlite).await;
    let unknown = [
        ("sslpassword=hunter2", "`sslpassword`"),
        ("sslmode=disable&passfile=hunter2", "`passfile`"),
        ("Hunter2=1", "name is not shown"),
        ("SSLPASSWORD=hunter2", "name is not shown"),
    ];
    for (parameters, named) in unknown {
        let url = format!("postgres://x@127.0.0.1:1/fleet?{parameters}");
        let text = setup.configuration().replacen("sqlite://manager.db", &url, 1);
        setup.write("manager.toml", &text);
        for command in ["check-config", "serve", "migrate"] {
            let ended = setup.configured(command);
            assert!(!ended.success && ended.stderr.contains(named), "{ended:?}");
            let shown = format!("{}{}", ended.stdout, ended.stderr);
            assert!(!shown.to_lowercase().contains("hunter2"), "{command}: {shown}");
        }
    }
}

/// F188, F189: what others can read is refused, with the command that closes it.
#[tokio::test(flavor = "multi_thread")]
async fn f188_f189_a_private_key_or_database_that_is_open_to_others_is_refused() {
    let setup = Setup::new(Kind::Sqlite).await;
    drop(setup.start("serve"));
    let set = |name: &str, mode| {
        fs::set_permissions(setup.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for (name, allowed) in [("client.key", 0o640), ("manager.db", 0o660)] {
        for open in [0o644, 0o604, 0o602, 0o601, 0o666] {
            set(name, open);
            for command in ["serve", "check-config"] {
                let ended = setup.configured(command);
                assert!(!ended.success, "{name} {open:o} {command}: {ended:?}");
                for part in [name, "chmod", "open to others"] {
                    assert!(ended.stderr.contains(part), "{name} {open:o}: {}", ended.stderr);
                }
            }
        }
        set(name, allowed);
        let ended = setup.configured("check-config");
        assert!(ended.success, "{ended:?}");
        set(name, 0o600);
    }
    set("manager.toml", 0o644);
    let ended = setup.configured("check-config");
    assert!(ended.success && ended.stderr.contains("open to others"), "{ended:?}");
}
