//! A temporary Postgres server.

use std::{
    ffi::OsString,
    fmt, fs,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

/// Starts and stops the server on commands from a pipe, and ends when the pipe closes, so that no server
/// outlives the test process, however that ends.
const KEEPER: &str = r#"
directory=${KEEPER_PLACE:-$(mktemp -d "${TMPDIR:-/tmp}/healthgate-postgres.XXXXXX")} || exit 1
data=$directory/data
log=$directory/log
pid=
run() {
    postgres -D "$data" -p "$KEEPER_PORT" -k "$directory" "$@" </dev/null >>"$log" 2>&1 &
    pid=$!
    tries=600
    until pg_isready -q -h 127.0.0.1 -p "$KEEPER_PORT"; do
        kill -0 "$pid" 2>/dev/null || { pid=; return 1; }
        tries=$((tries - 1)); [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}
halt() {
    [ -z "$pid" ] || { kill "-$1" "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; }
    pid=
}
answer() {
    if [ "$1" -eq 0 ]; then echo ok; else echo "failed: $(tail -n 3 "$log" 2>/dev/null | tr '\n' ' ')"; fi
}
make() {
    if [ -n "$KEEPER_PRIMARY" ]; then
        pg_basebackup -h 127.0.0.1 -p "$KEEPER_PRIMARY" -U postgres -D "$data" -R -X stream \
            -c fast --no-sync
    else
        initdb --no-sync --no-instructions -A trust -U postgres -E UTF8 --locale=C -D "$data"
    fi
}
trap : INT TERM HUP
make >"$log" 2>&1 && run "$@"
answer $?
while read -r word; do
    case $word in
    run) run "$@"; answer $? ;;
    *) halt "$word"; answer 0 ;;
    esac
done
halt QUIT
rm -rf "$data" "$log"
[ -n "$KEEPER_PLACE" ] || rm -rf "$directory"
"#;

/// How to stop a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Ends all sessions and writes everything to disk ("fast").
    Orderly,
    /// Simulates a crash of the machine: the next start recovers from the log ("immediate").
    Crash,
}

/// A running Postgres server on `127.0.0.1` at a free port, with the superuser `postgres` and no password.
///
/// The server and its directory are removed when this value is dropped or the process ends. If the tests
/// run as root, the server runs as the system user `postgres`. It never waits for the disk (`fsync` is
/// off): it survives its own crash, but not the machine's.
///
/// Every method blocks, usually for milliseconds.
pub struct Postgres {
    keeper: Mutex<Keeper>,
    programs: Programs,
    port: u16,
    databases: AtomicU32,
}

struct Keeper {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Builds a [`Postgres`] server.
#[derive(Clone, Debug, Default)]
pub struct PostgresBuilder {
    place: Option<PathBuf>,
    primary: Option<u16>,
    settings: Vec<(String, String)>,
    environment: Vec<(String, OsString)>,
}

impl PostgresBuilder {
    /// Keeps the data in this existing directory instead of a temporary one. If the tests run as root, the
    /// directory must belong to the user `postgres`.
    #[must_use]
    pub fn with_directory(self, directory: impl Into<PathBuf>) -> Self {
        Self { place: Some(directory.into()), ..self }
    }

    /// Allows streaming replicas.
    #[must_use]
    pub fn with_replicas(self) -> Self {
        self.with_setting("wal_level", "replica").with_setting("max_wal_senders", "4")
    }

    /// Makes it a streaming replica of another server, which must allow replicas. It is readable, and
    /// accepts writes once it is promoted.
    #[must_use]
    pub fn with_primary(self, primary: &Postgres) -> Self {
        Self { primary: Some(primary.port()), ..self.with_replicas() }
    }

    /// Sets a server parameter.
    #[must_use]
    pub fn with_setting(mut self, parameter: &str, value: &str) -> Self {
        self.settings.push((parameter.to_owned(), value.to_owned()));
        self
    }

    /// Sets a variable in the server's environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Creates the cluster and starts the server, which takes a second or two.
    ///
    /// # Errors
    /// Fails with [`io::ErrorKind::NotFound`] if Postgres is not installed, or with the server's message if
    /// it does not start.
    pub fn start(&self) -> io::Result<Postgres> {
        let programs = Programs::find()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "postgres-keeper"]);
        let defaults = [
            ("listen_addresses", "127.0.0.1"),
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("max_connections", "200"),
            ("max_wal_senders", "0"),
            ("wal_level", "minimal"),
        ];
        let defaults = defaults.map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (parameter, value) in defaults.iter().chain(&self.settings) {
            command.arg("-c").arg(format!("{parameter}={value}"));
        }
        command.env("PATH", programs.path()).env("KEEPER_PORT", port.to_string());
        let primary = self.primary.map(|port| port.to_string());
        command.env("KEEPER_PRIMARY", primary.unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("KEEPER_PLACE", self.place.as_deref().unwrap_or(Path::new("")));
        command.current_dir("/").process_group(0);
        if rustix::process::geteuid().is_root() {
            let (user, group) = postgres_user()?;
            command.uid(user).gid(group);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let orders = child.stdin.take();
        let answers = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut keeper = Keeper { child, orders, answers: BufReader::new(answers) };
        keeper.answer()?;
        Ok(Postgres { keeper: Mutex::new(keeper), programs, port, databases: AtomicU32::new(0) })
    }
}

impl Postgres {
    /// Creates a builder for a separate server.
    #[must_use]
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// Returns the server that the whole process shares. The first call starts it.
    ///
    /// # Panics
    /// Panics if the server cannot be started, because tests that need it cannot continue.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        let started = || Self::builder().start();
        SHARED.get_or_init(|| started().unwrap_or_else(|error| panic!("no Postgres: {error}")))
    }

    /// Returns the port of the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Creates an empty database and returns its name.
    ///
    /// # Errors
    /// Fails with the server's message.
    pub fn create_database(&self) -> io::Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("create database {name}"))?;
        Ok(name)
    }

    /// Runs SQL in a database with `psql`, and returns its unaligned output.
    ///
    /// # Errors
    /// Fails with the server's message.
    pub fn sql(&self, database: &str, sql: &str) -> io::Result<String> {
        let mut psql = self.command("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]);
        let output = psql.output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// Returns a command for one of Postgres's programs, such as `pg_dump`, that connects to this server.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.place_of(program));
        command.env("PGHOST", "127.0.0.1").env("PGPORT", self.port.to_string());
        command.env("PGUSER", "postgres").env("PGOPTIONS", "").stdin(Stdio::null());
        command
    }

    /// Stops the server and waits until it has ended.
    ///
    /// # Errors
    /// Fails if the keeper process has ended.
    pub fn stop(&self, how: Stop) -> io::Result<()> {
        let signal = match how {
            Stop::Orderly => "INT",
            Stop::Crash => "QUIT",
        };
        self.lock().order(signal)
    }

    /// Starts the server again with the same port and data, and waits until it answers.
    ///
    /// # Errors
    /// Fails with the server's message.
    pub fn start_again(&self) -> io::Result<()> {
        self.lock().order("run")
    }

    /// Promotes a replica to a separate server with the data it has received so far, and waits until it
    /// accepts writes.
    ///
    /// # Errors
    /// Fails with the server's message.
    pub fn promote(&self) -> io::Result<()> {
        match self.sql("postgres", "select pg_promote()")?.as_str() {
            "t" => Ok(()),
            _ => Err(io::Error::other("the replica was not promoted in time")),
        }
    }

    /// Stops the server and starts it again.
    ///
    /// # Errors
    /// Fails with the server's message.
    pub fn restart(&self, how: Stop) -> io::Result<()> {
        self.stop(how)?;
        self.start_again()
    }

    fn lock(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    fn order(&mut self, word: &str) -> io::Result<()> {
        let orders = self.orders.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(orders, "{word}")?;
        orders.flush()?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<()> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line == "ok\n" { Ok(()) } else { Err(io::Error::other(line)) }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        // The keeper stops the server and cleans up. A failure cannot be reported here.
        let _ = self.child.wait();
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Postgres").field("port", &self.port).finish_non_exhaustive()
    }
}

/// The directories of Postgres's programs, in search order.
#[derive(Debug)]
struct Programs(Vec<PathBuf>);

impl Programs {
    /// The variable that names a directory with preferred programs, for example of another server version.
    /// Programs that are missing there, such as `psql`, are searched in the other directories.
    const CHOSEN: &str = "HEALTHGATE_POSTGRES_BIN";

    /// Finds the preferred directory, and those of the search path or of Debian, newest version first.
    fn find() -> io::Result<Self> {
        let chosen = std::env::var_os(Self::CHOSEN).map(PathBuf::from);
        let version = |path: &PathBuf| {
            let parent = path.parent().and_then(Path::file_name).map(OsString::from);
            parent.and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0)
        };
        let mut installed: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .collect();
        installed.sort_by_key(|path| std::cmp::Reverse(version(path)));
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        let complete = |path: &PathBuf| {
            ["initdb", "postgres", "pg_isready", "psql"]
                .iter()
                .all(|name| path.join(name).is_file())
        };
        let mut all = std::env::split_paths(&on_path).chain(installed);
        let missing = "Postgres is not installed (Debian: apt-get install postgresql)";
        let found = all.find(complete);
        let found = found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, missing))?;
        Ok(Self(chosen.into_iter().chain([found]).collect()))
    }

    /// Returns these directories and the rest of the search path for the keeper.
    fn path(&self) -> OsString {
        let others = std::env::var_os("PATH").unwrap_or_default();
        let all = self.0.iter().cloned().chain(std::env::split_paths(&others));
        // A split path can be joined again, and the other directories contain no colon.
        std::env::join_paths(all).unwrap_or(others)
    }

    fn place_of(&self, program: &str) -> PathBuf {
        let mut places = self.0.iter().map(|place| place.join(program));
        places.find(|place| place.is_file()).unwrap_or_else(|| PathBuf::from(program))
    }
}

/// Returns the ids of the system user `postgres`, because Postgres refuses to run as root.
fn postgres_user() -> io::Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let ids = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some("postgres")).then_some(())?;
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    ids.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no user `postgres`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_its_data_over_a_crash_and_goes_with_its_handle() {
        let server =
            Postgres::builder().with_setting("max_connections", "20").start().expect("started");
        let database = server.create_database().expect("made");
        server.sql(&database, "create table kept as select 7 as number").expect("written");
        server.restart(Stop::Crash).expect("restarted");
        assert_eq!(server.sql(&database, "select number from kept").expect("read"), "7");
        assert_eq!(server.sql(&database, "show max_connections").expect("read"), "20");
        assert!(server.sql(&database, "select 1/0").is_err());
        let data = server.sql(&database, "show data_directory").expect("read");
        drop(server);
        assert!(!Path::new(&data).exists());
    }

    #[test]
    fn a_replica_follows_and_is_promoted() {
        let primary = Postgres::builder().with_replicas().start().expect("started");
        let database = primary.create_database().expect("made");
        let replica = Postgres::builder().with_primary(&primary).start().expect("started");
        assert_eq!(replica.sql(&database, "select pg_is_in_recovery()").expect("read"), "t");
        assert!(replica.sql(&database, "create table written (number int)").is_err());
        replica.promote().expect("promoted");
        replica.sql(&database, "create table written (number int)").expect("it takes writes");
    }
}
