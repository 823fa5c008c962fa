//! The reference application's configuration: TOML of which every value is judged (F184).

use std::{collections::HashSet, error::Error, fmt::Write as _, path::Path};

use self::config::{Config, DatabaseAddress};

// The program has no library. This module of it uses nothing else of the program.
#[path = "../../examples/patch-manager/src/config/mod.rs"]
#[allow(
    dead_code,
    unexpected_cfgs,
    unused_imports,
    clippy::all,
    reason = "linted with its own program"
)]
mod config;

/// Reads a text. What is accepted keeps its promises, and one unknown key more is refused.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = Path::new("/etc/patch-manager/patch-manager.toml");
    let config = match Config::parse(path, text) {
        Ok(config) => config,
        Err(error) => {
            let told = chain(&error);
            assert!(told.starts_with("/etc/patch-manager/patch-manager.toml"), "{told}");
            return;
        }
    };
    let worker = &config.worker;
    assert!(worker.poll_interval.as_secs() >= 1 && worker.gate_retry.as_secs() >= 1);
    assert!((1..=60).contains(&worker.check_timeout.as_secs()));
    assert!(worker.retention >= worker.poll_interval && worker.max_concurrent_checks >= 1);
    assert!(worker.immediate_max_wait.as_secs() <= 604_800);
    assert!(config.only_destinations.as_ref().is_none_or(|only| !only.is_empty()));
    if let DatabaseAddress::Postgres(url) = &config.database {
        assert!(url.starts_with("postgres://") || url.starts_with("postgresql://"));
        let is_shown = text.matches(url).count() == 1 && format!("{config:?}").contains(url);
        assert!(url.len() < 16 || !is_shown, "shows the database's URL");
    }
    let inventory = &config.inventory;
    let groups: HashSet<&str> = inventory.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(groups.len(), inventory.groups.len(), "a group is defined twice");
    let named = inventory.users.iter().flat_map(|user| &user.groups);
    let named = named.chain(inventory.hosts.iter().flat_map(|host| &host.groups));
    let mut named = named.chain(config.freezes.iter().flat_map(|freeze| &freeze.groups));
    assert!(named.all(|group| groups.contains(group.as_str())), "a group is not defined");
    let hosts: HashSet<_> = inventory.hosts.iter().map(|host| host.id).collect();
    assert_eq!(hosts.len(), inventory.hosts.len(), "a host is defined twice");
    assert!(config.freezes.iter().all(|freeze| freeze.starts_at < freeze.ends_at));
    let hashes = inventory.users.iter().filter_map(|user| user.token_sha256.as_ref());
    let hashes: Vec<_> = hashes.collect();
    assert!(hashes.iter().all(|hash| hash.len() == 64));
    assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len(), "a token of two users");

    let unknown = format!("{text}\n[unknown_part]\n");
    assert!(Config::parse(path, &unknown).is_err(), "an unknown part is passed over");
}

/// What is told of an error, with everything behind it.
fn chain(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        write!(told, ": {error}").expect("a string takes it");
        source = error.source();
    }
    told
}
