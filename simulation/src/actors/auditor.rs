//! Lets the checker look over everything now and then.

use std::time::Duration;

use crate::world::World;

pub(crate) async fn audit(world: World) {
    loop {
        world.sleep(Duration::from_secs(61)).await;
        world.checker().audit();
    }
}
