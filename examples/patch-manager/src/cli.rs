//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A small patch manager that embeds healthgate.
#[derive(Parser, Debug)]
#[command(name = "patch-manager", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Format of the logs on standard error; `RUST_LOG` sets their level
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
    /// Runs everything on a simulated fleet, with SQLite; needs no configuration
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
    /// Creates a new key and seals every stored password under it
    RotateKey(ConfigOption),
    /// Verifies the audit log against its hash chain, or prints it as JSON lines
    Audit {
        #[command(subcommand)]
        action: AuditAction,
    },
    /// Creates a bearer token for a user and prints it once; lists and revokes tokens
    Token(TokenOptions),
}

#[cfg(feature = "demo")]
#[derive(Args, Debug)]
pub(crate) struct DemoOptions {
    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: std::net::SocketAddr,
    /// Allows --listen with an address that other machines can reach; they get the administrator's token
    #[arg(long)]
    pub(crate) expose_demo: bool,
    /// Number of simulated hosts
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub(crate) hosts: u16,
    /// Directory of the database [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Gives every host a maintenance window that is open now and closes after this time
    #[arg(long, value_name = "MINUTES", default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=10_080))]
    pub(crate) open_window: u16,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigOption {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    pub(crate) file: ConfigOption,
    /// Does not migrate the database schema
    #[arg(long)]
    pub(crate) no_migrate: bool,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct TokenOptions {
    #[command(subcommand)]
    pub(crate) action: Option<TokenAction>,
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) config: Option<PathBuf>,
    /// The user who signs in with the token
    #[arg(long, value_name = "NAME", required = true)]
    pub(crate) user: Option<String>,
    /// A note on what the token is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
    /// Days until the token expires [default: never]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(crate) expires_in: Option<u16>,
}

/// What to do with the audit log.
#[derive(Subcommand, Debug)]
pub(crate) enum AuditAction {
    /// Reports whether a record was changed or removed since it was chained
    Verify(ConfigOption),
    /// Prints the records, newest first, each as one line of JSON
    Export(ConfigOption),
}

/// What to do with existing tokens.
#[derive(Subcommand, Debug)]
pub(crate) enum TokenAction {
    /// Lists the tokens: id, user, name, creation, expiry, last use
    List {
        #[command(flatten)]
        file: ConfigOption,
        /// Lists only the tokens of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Revokes a token, which stops working at once and ends its event streams within seconds
    Revoke {
        #[command(flatten)]
        file: ConfigOption,
        /// The token's id, as `token list` shows it
        #[arg(long, value_name = "ID")]
        id: String,
    },
}
