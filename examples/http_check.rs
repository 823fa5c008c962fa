//! Gates one host on an HTTP check: no agent, no database, no test kit.
//!
//! `cargo run --example http_check -- https://shop.example/health "status: ok"` asks your own page and
//! waits for at most one minute. Without arguments the example serves a page that fails for three
//! seconds: `cargo run --example http_check`.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use healthgate::{
    Healthgate, Timing,
    checks::{DestinationPolicy, HttpClientConfig},
    directory::StaticDirectory,
    gate::Admission,
    model::{Actor, GateRequest, JobId, NewCheck},
    store::MemoryStore,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers 503 for three seconds, then 200.
async fn serve(listener: TcpListener) {
    let started = Instant::now();
    while let Ok((mut stream, _)) = listener.accept().await {
        let healthy = started.elapsed() > Duration::from_secs(3);
        let status = if healthy { "200 OK" } else { "503 Service Unavailable" };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Length: 10\r\nConnection: close\r\n\r\nstatus: ok"
        );
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let own_page = format!("http://{}/health", listener.local_addr()?);
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or(own_page);
    let text = arguments.next().unwrap_or_default(); // empty: any 2xx answer is healthy

    // Checks never reach loopback addresses unless the policy allows it.
    let destinations =
        DestinationPolicy { allowed: vec!["127.0.0.0/8".parse()?], ..Default::default() };
    let hosts = Arc::new(StaticDirectory::new());
    let host = hosts.add(None, &[]);
    let healthgate = Healthgate::builder(Arc::new(MemoryStore::default()), hosts)
        .http(HttpClientConfig { destinations, ..Default::default() })
        .timing(Timing { retry: Duration::from_secs(1), ..Timing::default() })
        .build()
        .await?;
    let check = NewCheck::http("health page", &url).expecting(text).build()?;
    healthgate.checks().create(&Actor::system(), host, check).await?;

    let now = healthgate.store().now().await?;
    let request = GateRequest::immediate(JobId::generate(), host, now, Duration::from_secs(60))?;
    println!("asking {url}");
    let admission = tokio::select! {
        admission = healthgate.run_while(healthgate.gate().admit(request)) => admission?,
        () = serve(listener) => return Err("the page ended".into()),
    };
    match admission {
        Admission::GoAhead(record) => {
            println!("healthy after {} attempt(s): patch the host now", record.attempts);
        }
        held => println!("do not patch: {}", held.record().detail),
    }
    Ok(())
}
