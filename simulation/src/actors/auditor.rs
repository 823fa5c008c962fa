//! Makes the checker look over everything from time to time.

use std::time::Duration;

use crate::world::World;

pub(crate) async fn audit(world: World) {
    loop {
        world.sleep(Duration::from_secs(61)).await;
        world.checker().audit();
    }
}
