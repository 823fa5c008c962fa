//! The agent's JSON bodies.

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Returns the success envelope of `data`, with all five keys.
#[must_use]
pub fn success(data: &Value) -> Value {
    envelope(true, data, &Value::Null)
}

/// Returns an error envelope with all five keys. `details` is null.
#[must_use]
pub fn error(code: &str, message: &str, retryable: bool) -> Value {
    let error =
        json!({ "code": code, "message": message, "details": null, "retryable": retryable });
    envelope(false, &Value::Null, &error)
}

/// Returns an envelope with any parts, a new request id and the current time.
#[must_use]
pub fn envelope(success: bool, data: &Value, error: &Value) -> Value {
    json!({
        "success": success,
        "request_id": Uuid::new_v4().to_string(),
        // `false` writes the offset as +00:00, like the agent, instead of Z.
        "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, false),
        "data": data,
        "error": error,
    })
}

/// The state of a unit, as the agent reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceState {
    /// Resolved unit name.
    pub name: String,
    /// `ActiveState` of systemd.
    pub active: &'static str,
    /// `SubState` of systemd.
    pub sub: &'static str,
    /// `LoadState` of systemd.
    pub load: &'static str,
    /// `UnitFileState` of systemd.
    pub enabled: &'static str,
    /// Main process, if there is one.
    pub main_pid: Option<u32>,
    /// The agent's own verdict.
    pub healthy: bool,
}

impl ServiceState {
    /// Returns a running unit: active/running, enabled, healthy.
    #[must_use]
    pub fn running(name: &str) -> Self {
        Self {
            name: unit_name(name),
            active: "active",
            sub: "running",
            load: "loaded",
            enabled: "enabled",
            main_pid: Some(812),
            healthy: true,
        }
    }

    /// Returns a unit that is not running: these states, no main process, not healthy.
    #[must_use]
    pub fn down(name: &str, active: &'static str, sub: &'static str) -> Self {
        Self { active, sub, main_pid: None, healthy: false, ..Self::running(name) }
    }

    /// Returns the `data` object with all eight fields.
    #[must_use]
    pub fn data(&self) -> Map<String, Value> {
        let mut data = Map::new();
        data.insert("name".into(), self.name.clone().into());
        data.insert("display_name".into(), format!("{} (test unit)", self.name).into());
        data.insert("active_state".into(), self.active.into());
        data.insert("sub_state".into(), self.sub.into());
        data.insert("load_state".into(), self.load.into());
        data.insert("enabled_state".into(), self.enabled.into());
        data.insert("main_pid".into(), self.main_pid.map_or(Value::Null, Value::from));
        data.insert("healthy".into(), self.healthy.into());
        data
    }
}

/// Returns the unit name that systemd reports. A name without a suffix is a service.
#[must_use]
pub fn unit_name(asked: &str) -> String {
    const SUFFIXES: [&str; 11] = [
        ".service",
        ".socket",
        ".timer",
        ".mount",
        ".automount",
        ".swap",
        ".target",
        ".path",
        ".slice",
        ".scope",
        ".device",
    ];
    if SUFFIXES.iter().any(|suffix| asked.ends_with(suffix)) {
        asked.to_owned()
    } else {
        format!("{asked}.service")
    }
}

/// Returns the `data` object of the agent's own health.
#[must_use]
pub fn agent_health() -> Value {
    json!({
        "status": "healthy",
        "uptime_seconds": 86_400,
        "version": "1.4.2",
        "last_cache_update": Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, false),
        "cache_status": "fresh",
        "crl_status": "valid",
        "crl_age_seconds": 60,
        "crl_next_update": null,
    })
}
