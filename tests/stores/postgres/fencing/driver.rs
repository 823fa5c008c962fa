//! The sessions of an application on three drivers, all driven alike.

use std::{
    process::{Command, Stdio},
    sync::OnceLock,
};

use async_trait::async_trait;
use healthgate::model::PassId;
use sqlx::{Connection, PgConnection};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    task::JoinHandle,
};

/// What the server answered, or the SQLSTATE that it refused with.
pub(super) type Answer<T> = Result<T, String>;

/// A session of an application. Dropping it cuts its connection off, without a farewell.
#[async_trait]
pub(super) trait Session: Send {
    /// Runs a statement without parameters, such as `begin`.
    async fn run(&mut self, statement: &str) -> Answer<()>;

    /// Calls `health_spend_pass` with the pass as a bound parameter.
    async fn spend(&mut self, pass: PassId) -> Answer<String>;
}

/// A driver that an application may be written with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Driver {
    Sqlx,
    TokioPostgres,
    Psycopg,
}

impl Driver {
    /// Those that are installed.
    pub(super) fn all() -> Vec<Self> {
        let mut drivers = vec![Self::Sqlx, Self::TokioPostgres];
        match python() {
            Some(_) => drivers.push(Self::Psycopg),
            None => eprintln!("psycopg is not installed (Debian: python3-psycopg): left out"),
        }
        drivers
    }

    pub(super) async fn connect(self, url: &str) -> Box<dyn Session> {
        match self {
            Self::Sqlx => Box::new(Sqlx(PgConnection::connect(url).await.expect("connected"))),
            Self::TokioPostgres => Box::new(TokioPostgres::connect(url).await),
            Self::Psycopg => Box::new(Psycopg::connect(url).await),
        }
    }
}

struct Sqlx(PgConnection);

fn sqlx_state(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.unwrap_or_else(|| panic!("not of the server: {error}")).into_owned()
}

#[async_trait]
impl Session for Sqlx {
    async fn run(&mut self, statement: &str) -> Answer<()> {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        let done = sqlx::raw_sql(statement).execute(&mut self.0).await;
        done.map(drop).map_err(|error| sqlx_state(&error))
    }

    async fn spend(&mut self, pass: PassId) -> Answer<String> {
        sqlx::query_scalar("select health_spend_pass($1)")
            .bind(pass.as_uuid())
            .fetch_one(&mut self.0)
            .await
            .map_err(|error| sqlx_state(&error))
    }
}

struct TokioPostgres {
    client: tokio_postgres::Client,
    connection: JoinHandle<()>,
}

impl TokioPostgres {
    async fn connect(url: &str) -> Self {
        let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("connected");
        // It fails where a test cuts it off.
        let connection = tokio::spawn(async move { connection.await.unwrap_or_default() });
        Self { client, connection }
    }
}

fn tokio_postgres_state(error: &tokio_postgres::Error) -> String {
    let code = error.code().unwrap_or_else(|| panic!("not of the server: {error}"));
    code.code().to_owned()
}

#[async_trait]
impl Session for TokioPostgres {
    async fn run(&mut self, statement: &str) -> Answer<()> {
        let done = self.client.batch_execute(statement).await;
        done.map_err(|error| tokio_postgres_state(&error))
    }

    async fn spend(&mut self, pass: PassId) -> Answer<String> {
        let row = self.client.query_one("select health_spend_pass($1)", &[&pass.as_uuid()]).await;
        row.map(|row| row.get(0)).map_err(|error| tokio_postgres_state(&error))
    }
}

impl Drop for TokioPostgres {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Does as it is told line by line: `run` with a statement, or `spend` with a pass.
const PSYCOPG: &str = r#"
import sys, psycopg
connection = psycopg.connect(sys.argv[1], autocommit=True)
print("ok", flush=True)
for line in sys.stdin:
    order, _, rest = line.rstrip("\n").partition(" ")
    try:
        if order == "run":
            connection.execute(rest)
            print("ok", flush=True)
        else:
            said = connection.execute("select health_spend_pass(%s)", [rest]).fetchone()
            print("ok", said[0], flush=True)
    except psycopg.Error as error:
        print("refused", error.sqlstate, flush=True)
"#;

/// The Python that has psycopg, where one has it. Debian's stands beside any other on the path.
fn python() -> Option<&'static str> {
    static PYTHON: OnceLock<Option<&str>> = OnceLock::new();
    let has_psycopg = |python: &&str| {
        let mut asked = Command::new(python);
        let asked = asked.args(["-c", "import psycopg"]).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    *PYTHON.get_or_init(|| ["python3", "/usr/bin/python3"].into_iter().find(has_psycopg))
}

struct Psycopg {
    /// It is killed when the session is dropped.
    _process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Psycopg {
    async fn connect(url: &str) -> Self {
        let mut command = tokio::process::Command::new(python().expect("it is installed"));
        command.args(["-c", PSYCOPG, url]).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("started");
        let orders = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped")).lines();
        let mut session = Self { _process: process, orders, answers };
        session.answer().await.expect("connected");
        session
    }

    async fn order(&mut self, order: &str) -> Answer<String> {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.expect("told");
        self.answer().await
    }

    async fn answer(&mut self) -> Answer<String> {
        let line = self.answers.next_line().await.expect("read").expect("an answer");
        match line.split_once(' ') {
            None => Ok(line),
            Some(("ok", said)) => Ok(said.to_owned()),
            Some((_, code)) => Err(code.to_owned()),
        }
    }
}

#[async_trait]
impl Session for Psycopg {
    async fn run(&mut self, statement: &str) -> Answer<()> {
        self.order(&format!("run {statement}")).await.map(drop)
    }

    async fn spend(&mut self, pass: PassId) -> Answer<String> {
        self.order(&format!("spend {pass}")).await
    }
}
