//! Another service gates a deploy on its own signal: no checks, no poller, no network, and no storage
//! beyond memory.
//!
//! `cargo run --example gate_only --no-default-features`

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use healthgate::{
    Healthgate, Timing,
    directory::StaticDirectory,
    gate::{Admission, Signal},
    model::{GateRequest, JobId},
    store::MemoryStore,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hosts = Arc::new(StaticDirectory::new());
    let host = hosts.add(None, &[]);
    // The database's replication lag in seconds. In this example it shrinks with every look.
    let lag = Arc::new(AtomicU32::new(12));
    let signal = Signal::new("replication lag below 5 s", move |_host| {
        let lag = lag.clone();
        async move {
            let seconds = lag.load(Ordering::Relaxed);
            lag.store(seconds.saturating_sub(4), Ordering::Relaxed);
            println!("  looked at the replica: {seconds} s behind");
            if seconds < 5 { Ok(()) } else { Err(format!("{seconds} s behind")) }
        }
    });
    let second = Duration::from_secs(1);
    let healthgate = Healthgate::builder(Arc::new(MemoryStore::default()), hosts)
        .health_source(Arc::new(signal))
        .timing(Timing { retry: second, timeout: second, ..Default::default() })
        .build()
        .await?;

    // No maintenance window: wait at most 20 s.
    let now = healthgate.store().now().await?;
    let request = GateRequest::immediate(JobId::generate(), host, now, second * 20)?;
    println!("deploy: asking the gate");
    match healthgate.run_while(healthgate.gate().admit(request)).await? {
        Admission::GoAhead(gate) => {
            println!("deploy: going ahead after {} attempts", gate.attempts);
        }
        other => println!("deploy: not going ahead: {}", other.record().detail),
    }
    Ok(())
}
