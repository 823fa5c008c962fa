//! A stored check that breaks a rule is shown, tested, edited and deleted like any other (F221).

use axum::http::StatusCode;
use healthgate::{
    model::{AuditAction, CheckId, StoredCheck},
    store::{CheckInsert, CheckStore, FirstRun},
    testing::fixtures,
};
use serde_json::json;

use crate::world::{ADMIN, CANARY, OWN, UNGROUPED, World, check_path, checks_of, world};

async fn odd(world: &World, stored: StoredCheck) -> CheckId {
    let (id, definition) = (CheckId::generate(), stored.read());
    let insert = CheckInsert {
        id,
        host_id: OWN,
        definition,
        secret: None,
        limit: 5,
        first_run: FirstRun::AtOnce,
    };
    let entry = fixtures::audit(AuditAction::HealthCheckCreated);
    world.store.insert_check(insert, entry).await.unwrap();
    id
}

fn stored() -> StoredCheck {
    StoredCheck {
        name: "odd".to_owned(),
        check_type: "http".to_owned(),
        enabled: true,
        service_name: None,
        target_host_id: None,
        url: Some(format!("http://admin:{CANARY}@10.0.0.1/x")),
        expected_body: Some(String::new()),
        ignore_cert_errors: true,
        basic_auth_user: None,
    }
}

#[tokio::test]
async fn f221_the_api_shows_edits_and_deletes_a_check_that_cannot_be_read() {
    let world = world();
    world.service_check(OWN, "sshd").await;
    let id = odd(&world, stored()).await;
    let list = world.get(ADMIN, checks_of(OWN)).await;
    assert_eq!((list.status, &list.body["total"]), (StatusCode::OK, &json!(2)));
    let shown = world.get(ADMIN, check_path(OWN, id)).await;
    assert_eq!(shown.body["url"], "http://…@10.0.0.1/x");
    assert_eq!(shown.body["unreadable"][0]["field"], "url", "{}", shown.body);
    let tested = format!("{}/test", check_path(OWN, id));
    let tested = world.call("POST", tested).by(ADMIN).send().await;
    assert_eq!(tested.body["reason"], "check_unreadable", "{}", tested.body);
    // A change of something else leaves the fault, and says so.
    let path = check_path(OWN, id);
    let refused = world.put(ADMIN, path.clone(), &json!({"name": "new"})).await;
    assert_eq!(refused.errors()[0].0, "url", "{}", refused.body);
    let edited = world.put(ADMIN, path.clone(), &json!({"url": "http://10.0.0.1/x"})).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.body);
    assert_eq!(edited.body["unreadable"], json!([]));
    let other = odd(&world, StoredCheck { check_type: "tcp".to_owned(), ..stored() }).await;
    let gone = world.call("DELETE", check_path(OWN, other)).by(ADMIN).send().await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let log = world.get(ADMIN, "/api/v1/health-checks/audit").await;
    assert!(!log.body.to_string().contains("admin:"), "{}", log.body);
    let fresh = world.get(ADMIN, checks_of(UNGROUPED)).await;
    assert_eq!(fresh.status, StatusCode::OK);
}
