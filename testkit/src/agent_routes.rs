//! The agent's routes, which select the script for a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::time::Instant;

use crate::activity::{Activity, RecordedRequest};
use crate::agent::SERVICE_PATH;
use crate::agent_answers;
use crate::encoding::percent_decoded;
use crate::envelope;
use crate::rate_limit::{EXEMPT_PATHS, Limiter};
use crate::script::ServiceScript;
use crate::server::Handler;
use crate::step::{Step, response};
use crate::tls_mode::TlsMode;

/// Scripts and rate limiter of an agent, and its routes.
pub(crate) struct AgentRoutes {
    pub(crate) services: Mutex<HashMap<String, ServiceScript>>,
    pub(crate) fallback: Mutex<ServiceScript>,
    pub(crate) limiter: Mutex<Option<Limiter>>,
    pub(crate) activity: Arc<Activity>,
}

impl AgentRoutes {
    pub(crate) fn services(&self) -> std::sync::MutexGuard<'_, HashMap<String, ServiceScript>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limited(&self, request: &RecordedRequest) -> Option<Vec<Step>> {
        if EXEMPT_PATHS.contains(&request.path()) {
            return None;
        }
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = limiter.as_mut()?.take(request.peer.ip(), Instant::now()).err()?;
        self.activity.count(|counters| counters.rate_limited += 1);
        let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
        Some(agent_answers::too_many_requests(Some(&seconds.to_string())))
    }

    fn service(&self, segment: &str) -> Vec<Step> {
        let name = percent_decoded(segment);
        if let Some(script) = self.services().get_mut(&name).map(ServiceScript::advance) {
            return script.steps(&name);
        }
        // Without a script, the agent first checks the name itself.
        if name.contains('/') || name.contains("..") {
            return ServiceScript::BadName.steps(&name);
        }
        if !allowed_name(&name) {
            return ServiceScript::BadCharacter.steps(&name);
        }
        self.fallback.lock().unwrap_or_else(PoisonError::into_inner).advance().steps(&name)
    }
}

impl Handler for AgentRoutes {
    fn answer(&self, request: &RecordedRequest, mode: TlsMode) -> Vec<Step> {
        if mode == TlsMode::AuthzIpDenied {
            return agent_answers::authz_ip_denied();
        }
        if ["host", "authorization", "content-type"]
            .iter()
            .any(|name| request.header_count(name) > 1)
        {
            return vec![Step::Send(response(400, &[], b""))];
        }
        if let Some(refusal) = self.limited(request) {
            return refusal;
        }
        let path = request.path();
        let get = request.method == "GET";
        match path {
            "/health" | "/api/v1/health" if get => {
                agent_answers::json_steps(200, &envelope::success(&envelope::agent_health()))
            }
            "/api/v1/system/info" if get => {
                let info =
                    json!({ "hostname": "test-host", "os": "linux", "agent_version": "1.4.2" });
                agent_answers::json_steps(200, &envelope::success(&info))
            }
            _ => match path.strip_prefix(SERVICE_PATH) {
                Some(segment) if get && !segment.is_empty() && !segment.contains('/') => {
                    self.service(segment)
                }
                _ if path.starts_with("/api/v1/") => agent_answers::method_not_allowed(),
                _ => vec![Step::Send(response(404, &[], b""))],
            },
        }
    }
}

/// Applies the agent's rule for names: `^[A-Za-z0-9][A-Za-z0-9_.@+-]*$`, at most 256 bytes.
fn allowed_name(name: &str) -> bool {
    name.len() <= 256
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.@+-".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_agents_rule() {
        for good in ["ssh", "ssh.service", "foo@bar.service", "a+b-c_d"] {
            assert!(allowed_name(good), "{good}");
        }
        for bad in ["", ".ssh", "a b", "a:b", "a\\b", "ü", &"a".repeat(257)] {
            assert!(!allowed_name(bad), "{bad}");
        }
    }
}
