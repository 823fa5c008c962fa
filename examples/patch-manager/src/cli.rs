//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A small patch manager that embeds healthgate.
#[derive(Parser, Debug)]
#[command(name = "patch-manager", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How logs on standard error look; `RUST_LOG` says what is logged.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    pub(crate) log_format: LogFormat,
}

/// How logs look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    #[cfg(feature = "demo")]
    /// Shows everything at work on a simulated fleet, with SQLite; needs no configuration
    Demo(DemoOptions),
    /// Runs web and worker in one process
    Serve(ServeOptions),
    /// Runs the web process alone (Postgres)
    Web(ServeOptions),
    /// Runs the worker alone (Postgres)
    Worker(ServeOptions),
    /// Creates or updates the database schema
    Migrate(ConfigOption),
    /// Checks configuration, certificates, key and database, and changes nothing
    CheckConfig(ConfigOption),
    /// Makes a new key, and seals every stored password under it
    RotateKey(ConfigOption),
    /// Holds the audit log against its chain of hashes, or prints it as JSON lines
    Audit {
        #[command(subcommand)]
        action: AuditAction,
    },
    /// Makes a bearer token for a user, and prints it once; lists and revokes tokens
    Token(TokenOptions),
}

#[cfg(feature = "demo")]
#[derive(Args, Debug)]
pub(crate) struct DemoOptions {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: std::net::SocketAddr,
    /// Lets --listen name an address that other machines reach. They get the administrator's token
    #[arg(long)]
    pub(crate) expose_demo: bool,
    /// How many hosts the fleet has
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub(crate) hosts: u16,
    /// Where the database is kept [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Give every host a maintenance window that is open now, and closes in so many minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=10_080))]
    pub(crate) open_window: u16,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigOption {
    /// The configuration, as TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    pub(crate) file: ConfigOption,
    /// Leave the database schema as it is
    #[arg(long)]
    pub(crate) no_migrate: bool,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct TokenOptions {
    #[command(subcommand)]
    pub(crate) action: Option<TokenAction>,
    /// The configuration, as TOML
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) config: Option<PathBuf>,
    /// Whose token
    #[arg(long, value_name = "NAME", required = true)]
    pub(crate) user: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// After so many days it signs nobody in any more [default: never]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(crate) expires_in: Option<u16>,
}

/// What is done with the audit log.
#[derive(Subcommand, Debug)]
pub(crate) enum AuditAction {
    /// Says whether a record was changed or removed since it was chained
    Verify(ConfigOption),
    /// Prints the records, newest first, each as one line of JSON
    Export(ConfigOption),
}

/// What is done with tokens that exist.
#[derive(Subcommand, Debug)]
pub(crate) enum TokenAction {
    /// Shows all tokens: id, user, name, and when each was made, expires and was last used
    List {
        #[command(flatten)]
        file: ConfigOption,
        /// Only those of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Takes a token back: it signs nobody in from now on, and its event streams end within seconds
    Revoke {
        #[command(flatten)]
        file: ConfigOption,
        /// The id that the list shows
        #[arg(long, value_name = "ID")]
        id: String,
    },
}
