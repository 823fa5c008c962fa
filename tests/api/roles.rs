//! All roles, all routes, own, foreign, ungrouped and unknown hosts (F117, F118, F131).

use healthgate::{
    model::{CheckId, HostId},
    store::GateStore,
    testing::fixtures,
};
use serde_json::{Value, json};

use super::world::{
    ADMIN, FOREIGN, OPERATOR, OWN, REPORTER, Reply, UNGROUPED, UNKNOWN, World, check_path,
    checks_of, service, world,
};

/// What a route needs of its caller.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Needs {
    Read,
    Operate,
    Administer,
}

struct Route {
    method: &'static str,
    path: fn(HostId, CheckId) -> String,
    body: fn() -> Value,
    needs: Needs,
    done: u16,
}

fn none() -> Value {
    Value::Null
}

const JOB: fn(HostId) -> String = |host| fixtures::job(host.as_uuid().as_u128()).to_string();

fn override_path(host: HostId, _: CheckId) -> String {
    format!("/api/v1/jobs/{}/hosts/{host}/override", JOB(host))
}

const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: |host, _| checks_of(host),
        body: none,
        needs: Needs::Read,
        done: 200,
    },
    Route {
        method: "POST",
        path: |host, _| checks_of(host),
        body: || service("new"),
        needs: Needs::Operate,
        done: 201,
    },
    Route { method: "GET", path: check_path, body: none, needs: Needs::Read, done: 200 },
    Route {
        method: "PUT",
        path: check_path,
        body: || json!({"name": "other"}),
        needs: Needs::Operate,
        done: 200,
    },
    Route {
        method: "GET",
        path: |host, check| format!("{}/results", check_path(host, check)),
        body: none,
        needs: Needs::Read,
        done: 200,
    },
    Route {
        method: "POST",
        path: |host, check| format!("{}/test", check_path(host, check)),
        body: none,
        needs: Needs::Operate,
        done: 200,
    },
    Route {
        method: "POST",
        path: |host, _| format!("{}/test", checks_of(host)),
        body: || service("unsaved"),
        needs: Needs::Operate,
        done: 200,
    },
    Route { method: "DELETE", path: check_path, body: none, needs: Needs::Operate, done: 204 },
    Route {
        method: "GET",
        path: |host, _| format!("/api/v1/jobs/{}/gates", JOB(host)),
        body: none,
        needs: Needs::Read,
        done: 200,
    },
    Route {
        method: "GET",
        path: |host, _| format!("/api/v1/jobs/{}/explain", JOB(host)),
        body: none,
        needs: Needs::Read,
        done: 200,
    },
    Route {
        method: "DELETE",
        path: override_path,
        body: none,
        needs: Needs::Administer,
        done: 204,
    },
];

async fn send(world: &World, user: &str, route: &Route, host: HostId, check: CheckId) -> Reply {
    let call = world.call(route.method, (route.path)(host, check)).by(user);
    let body = (route.body)();
    // Tests by hand take time, which must pass.
    world.clock.advance(std::time::Duration::from_secs(1));
    let call = if body.is_null() { call } else { call.json(&body) };
    let (mut call, mut tick) = (std::pin::pin!(call.send()), tokio::time::interval(TICK));
    loop {
        tokio::select! {
            reply = &mut call => return reply,
            _ = tick.tick() => world.clock.advance(TICK),
        }
    }
}

const TICK: std::time::Duration = std::time::Duration::from_millis(1);

/// F117, F118: what a caller may not see is answered like what does not exist, on every route.
#[tokio::test(start_paused = true)]
async fn f117_every_role_on_every_route_and_kind_of_host() {
    for route in ROUTES {
        for (user, allowed) in [
            (ADMIN, Needs::Administer as u8),
            (OPERATOR, Needs::Operate as u8),
            (REPORTER, Needs::Read as u8),
        ] {
            let world = world();
            let mut unknown = None;
            for host in [UNKNOWN, OWN, FOREIGN, UNGROUPED] {
                let check = if host == UNKNOWN {
                    CheckId::generate()
                } else {
                    world.store.open_gate(gate_request(host)).await.unwrap();
                    world.service_check(host, "sshd").await
                };
                let reply = send(&world, user, route, host, check).await;
                let what = format!("{user} {} {}", route.method, (route.path)(host, check));
                let visible = host == OWN || (user == ADMIN && host != UNKNOWN);
                let expected = match visible {
                    false => 404,
                    true if allowed < route.needs as u8 => 403,
                    true => route.done,
                };
                assert_eq!(reply.status.as_u16(), expected, "{what}: {}", reply.body);
                match expected {
                    404 => {
                        let first = unknown.get_or_insert_with(|| reply.body.clone());
                        assert_eq!(reply.body, *first, "{what}");
                    }
                    403 => assert_eq!(reply.code(), "forbidden", "{what}"),
                    _ => {}
                }
            }
        }
    }
}

fn gate_request(host: HostId) -> healthgate::model::GateRequest {
    let window = chrono::TimeDelta::hours(1);
    fixtures::request(host.as_uuid().as_u128(), host, window)
}

/// Without a user nothing is answered, whatever is asked for.
#[tokio::test]
async fn who_does_not_say_who_they_are_gets_401_everywhere() {
    let world = world();
    for (path, item) in world.document()["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.replace("{host_id}", "no-uuid").replace("{check_id}", "x");
            let path = path.replace("{job_id}", "7");
            let reply = world.call(&method.to_uppercase(), path).send().await;
            assert_eq!(reply.told(), (401, "unauthenticated"));
            assert_eq!(reply.headers["www-authenticate"], "Bearer");
        }
    }
}

/// F118: the same check under another host that the caller may see.
#[tokio::test(start_paused = true)]
async fn f118_a_check_under_another_host_is_unknown_on_every_route() {
    let world = world();
    let check = world.service_check(OWN, "sshd").await;
    for route in ROUTES.iter().filter(|route| (route.path)(OWN, check).contains(&check.to_string()))
    {
        let reply = send(&world, ADMIN, route, FOREIGN, check).await;
        assert_eq!(reply.told(), (404, "not_found"), "{}", route.method);
    }
    assert_eq!(world.get(ADMIN, check_path(OWN, check)).await.status, 200);
}

/// F119: a group that is given or a host that moves counts at once.
#[tokio::test]
async fn f119_rights_are_read_with_every_request() {
    let world = world();
    assert_eq!(world.get(OPERATOR, checks_of(FOREIGN)).await.status, 404);
    world.directory.insert(FOREIGN, None, &["db", "web"]);
    assert_eq!(world.get(OPERATOR, checks_of(FOREIGN)).await.status, 200);
    world.directory.insert(FOREIGN, None, &["db"]);
    assert_eq!(world.get(OPERATOR, checks_of(FOREIGN)).await.status, 404);
}

/// Hosts in no group are the administrators' unless the application opens them to operators.
#[tokio::test]
async fn ungrouped_hosts_are_for_administrators_until_they_are_opened() {
    use healthgate::{api::*, directory::StaticDirectory};
    let directory = std::sync::Arc::new(StaticDirectory::new());
    directory.insert(UNGROUPED, None, &[]);
    let closed = RolesAndGroups::new(directory);
    let opened = closed.clone().with_open_ungrouped();
    let access = async |rules: &RolesAndGroups, user: &str| {
        let (name, role) = user.split_once(':').unwrap();
        let role = serde_json::from_value(json!(role)).unwrap();
        let actor = healthgate::model::Actor::new(name, role);
        rules.access(&actor, &[UNGROUPED]).await.unwrap().get(&UNGROUPED).copied()
    };
    for (user, when_closed, when_opened) in [
        (ADMIN, Some(HostAccess::Administer), Some(HostAccess::Administer)),
        (OPERATOR, None, Some(HostAccess::Operate)),
        (REPORTER, None, None),
    ] {
        assert_eq!(access(&closed, user).await, when_closed, "{user}");
        assert_eq!(access(&opened, user).await, when_opened, "{user}");
    }
}

/// Summaries leave out what the caller may not see, and a preview does not know it.
#[tokio::test]
async fn summaries_and_previews_hold_to_the_same_rights() {
    let world = world();
    let ids = [OWN, FOREIGN, UNGROUPED, UNKNOWN].map(|host| host.to_string());
    for (user, seen) in [(ADMIN, vec![OWN, FOREIGN, UNGROUPED]), (REPORTER, vec![OWN])] {
        let path = format!("/api/v1/health-checks/summary?host_ids={}", ids.join(","));
        let reply = world.get(user, path).await;
        let hosts = reply.body["hosts"].as_array().unwrap();
        let hosts: Vec<&str> = hosts.iter().map(|host| host["host_id"].as_str().unwrap()).collect();
        assert_eq!(hosts, seen.iter().map(ToString::to_string).collect::<Vec<_>>());
        for host in [OWN, FOREIGN, UNKNOWN] {
            let body = json!({"host_ids": [host]});
            let reply = world.post(user, "/api/v1/gates/preview", &body).await;
            let expected = if seen.contains(&host) { 200 } else { 404 };
            assert_eq!(reply.status, expected, "{user} {host}");
        }
    }
}
