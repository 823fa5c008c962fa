//! The steps of `docs/operations.md`, in a tree of their own: the program, its user, its folders and units.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::manager::{Kind, Process, Setup, mode};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// A command that needs root; without being root it goes through sudo, which the set-up needs, too.
fn as_root(program: impl AsRef<Path>) -> Command {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if !root {
        command.arg("-n");
    }
    command.arg(program.as_ref()).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {errors}");
    errors
}

fn install(tree: &Path) {
    let program = env!("CARGO_BIN_EXE_patch-manager");
    run(as_root(deploy().join("install")).arg("--root").args([tree, Path::new(program)]));
}

/// The id of the tree's user, which its group has, too, unless the number was taken.
fn user(tree: &Path) -> (String, String) {
    let users = fs::read_to_string(tree.join("etc/passwd")).unwrap();
    let line = users.lines().find(|line| line.starts_with("patch-manager:")).expect(&users);
    let fields: Vec<&str> = line.split(':').collect();
    assert_eq!(fields[6], "/usr/sbin/nologin");
    (fields[2].to_owned(), fields[3].to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_installs_into_a_fresh_tree_and_serves_as_its_own_user() {
    let setup = Setup::new(Kind::Sqlite).await;
    // The user must get through to its tree.
    fs::set_permissions(setup.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let tree = setup.path("tree");
    install(&tree);
    let (uid, gid) = user(&tree);
    let etc = tree.join("etc/patch-manager");

    // The example configuration is a whole one, of this machine alone but for its files.
    for name in ["ca.pem", "client.pem", "client.key"] {
        run(as_root("install").args(["-m", "600"]).args([setup.path(name), etc.join(name)]));
    }
    run(as_root("systemd-tmpfiles")
        .arg(format!("--root={}", tree.display()))
        .args(["--create", "patch-manager.conf"]));
    let owned = |path: &Path| {
        let data = fs::metadata(path).unwrap();
        (data.uid().to_string(), data.gid().to_string(), mode(path))
    };
    let root = || "0".to_owned();
    assert_eq!(owned(&etc.join("keys")), (uid.clone(), gid.clone(), 0o700));
    for name in ["patch-manager.toml", "ca.pem", "client.pem", "client.key"] {
        assert_eq!(owned(&etc.join(name)), (root(), gid.clone(), 0o640), "{name}");
    }
    let program = tree.join("usr/local/bin/patch-manager");
    assert_eq!(owned(&program), (root(), root(), 0o755));

    let configuration = etc.join("patch-manager.toml");
    let as_user = |uid: &str, gid: &str, command: &str| {
        let mut call = as_root("setpriv");
        call.args(["--reuid", uid, "--regid", gid, "--clear-groups", "--inh-caps=-all"]);
        call.arg(&program).args([command, "--config"]).arg(&configuration).current_dir("/");
        call
    };
    run(&mut as_user(&uid, &gid, "check-config"));
    let stranger = as_user("65534", "65534", "check-config").output().unwrap();
    let errors = String::from_utf8_lossy(&stranger.stderr);
    assert!(!stranger.status.success() && errors.contains("Permission denied"), "{errors}");

    // What systemd makes for the unit, and what a test must have its own of.
    let state = tree.join("var/lib/patch-manager");
    run(as_root("install").args(["-d", "-m", "700", "-o", &uid, "-g", &gid]).arg(&state));
    let database = format!("sqlite://{}/manager.db", state.display());
    for (from, to) in [
        ("sqlite:///var/lib/patch-manager/manager.db", database.as_str()),
        ("127.0.0.1:8080", "127.0.0.1:0"),
    ] {
        run(as_root("sed").arg("-i").arg(format!("s#{from}#{to}#")).arg(&configuration));
    }
    let mut serve = as_user(&uid, &gid, "serve");
    let serve = serve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = serve.id().to_string();
    let process = Process::new(serve, true);
    assert!(process.address.is_some(), "{}", process.logs());
    // It is another user's, so that dropping it may not be enough.
    run(as_root("kill").args(["-TERM", &id]));
    drop(process);
    let key = etc.join("keys/health-check.key");
    let look = as_root("stat").args(["-c", "%u %a %s"]).arg(key).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&look.stdout).trim(), format!("{uid} 600 32"));

    // The update: what was configured stays.
    run(as_root("cp").args([&configuration, &setup.path("before")]));
    install(&tree);
    run(as_root("cmp").args([&configuration, &setup.path("before")]));
    // It belongs to others, and would be in the way of this test's folder.
    run(as_root("rm").arg("-rf").args([tree, setup.path("before")]));
}

#[test]
fn the_units_are_hardened_alike_and_systemd_knows_all_that_is_in_them() {
    let units = ["patch-manager", "patch-manager-web", "patch-manager-worker"];
    let hardening = |unit: &str| {
        let text = fs::read_to_string(deploy().join(format!("{unit}.service"))).unwrap();
        let start = text.find("UMask=").unwrap();
        text[start..].to_owned()
    };
    let folder = tempfile::tempdir().unwrap();
    let system = folder.path().join("etc/systemd/system");
    fs::create_dir_all(&system).unwrap();
    for unit in units {
        let name = format!("{unit}.service");
        fs::copy(deploy().join(&name), system.join(&name)).unwrap();
        assert_eq!(hardening(unit), hardening(units[0]), "{unit}");
        for line in ["LimitCORE=0", "ProtectSystem=strict", "NoNewPrivileges=yes"] {
            assert!(hardening(unit).lines().any(|there| there == line), "{unit}: {line}");
        }
    }
    for unit in units {
        // 20 is 2.0 of systemd's own scale of exposure, from 0 to 10.
        let words = run(Command::new("systemd-analyze")
            .arg(format!("--root={}", folder.path().display()))
            .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
            .arg(format!("{unit}.service")));
        assert!(words.is_empty(), "{unit}: {words}");
    }
}
