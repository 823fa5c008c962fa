//! Claiming and keeping gates, and reading the changes of others (L10).

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::{debug, warn};

use super::{
    gates::{Error, Gates},
    held::HeldGate,
};
use crate::{
    clock::{ClockReading, ClockTrust},
    model::{ClockEpoch, GateId, StoreTime},
    store::GateExtension,
};

/// The time within which a gate must open to displace one that opens later, if there is no room for both.
const SOON: TimeDelta = TimeDelta::minutes(5);

/// The newest state from the store before a decision.
pub(super) struct News {
    pub(super) now: DateTime<Utc>,
    pub(super) epoch: ClockEpoch,
    pub(super) trust: ClockTrust,
    pub(super) reading: ClockReading,
    pub(super) unclaimed: Option<DateTime<Utc>>,
}

impl Gates<'_> {
    /// Hands back the gates whose newest step got no answer, so that a new claim returns their state.
    pub(super) async fn release_doubtful(&mut self) -> Result<(), Error> {
        if self.doubtful.is_empty() {
            return Ok(());
        }
        let gates: Vec<_> = self.doubtful.iter().map(|(id, held)| (*id, held.token)).collect();
        self.runner.store.release_gates(self.runner.worker, &gates).await?;
        self.claim().await
    }

    /// Hands back gates that open late if all places are taken and other gates open soon.
    pub(super) async fn make_room(&mut self, news: &News) -> Result<(), Error> {
        let soon = news.now + SOON;
        let config = &self.runner.config;
        if self.held.len() < config.max_gates || news.unclaimed.is_none_or(|opens| opens > soon) {
            return Ok(());
        }
        let late = self.held.values().filter(|held| held.is_early(soon) && held.running.is_none());
        let mut late: Vec<_> = late
            .map(|held| (Reverse(held.record.window.opens_at()), held.record.id, held.token))
            .collect();
        late.sort_unstable();
        let gates: Vec<_> = late
            .into_iter()
            .take(config.claim_block as usize)
            .map(|(_, id, token)| (id, token))
            .collect();
        if gates.is_empty() {
            return Ok(());
        }
        debug!(gates = gates.len(), "gates that open late make room for others");
        self.runner.store.release_gates(self.runner.worker, &gates).await?;
        self.forget(&gates.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
        Ok(())
    }

    /// Claims gates while there are any and there is room.
    pub(super) async fn claim(&mut self) -> Result<(), Error> {
        let config = &self.runner.config;
        loop {
            let room = config.max_gates.saturating_sub(self.held.len());
            let limit = config.claim_block.min(u32::try_from(room).unwrap_or(u32::MAX));
            if limit == 0 {
                break;
            }
            let (asked_at, before) = (self.runner.clock.monotonic(), self.held.len());
            let store = &self.runner.store;
            // If the answer is lost, the next extension frees the gates that nobody knows of.
            self.agenda.extend_soon();
            let claims = store.claim_gates(self.runner.worker, limit, config.lease).await?;
            self.agenda.extended(asked_at, config.lease);
            let full = claims.gates.len() >= limit as usize;
            self.runner.stats.claimed(claims.gates.len());
            for gate in claims.gates {
                let mut held = HeldGate::new(gate);
                let record = &held.record;
                debug!(gate = %record.id, job = %record.job_id, host = %record.host_id, "gate claimed");
                if let Some(before) = self.doubtful.remove(&record.id) {
                    held.resume(before);
                }
                self.held.insert(held.record.id, held);
            }
            // A store that hands out what is held already would keep this loop for ever.
            if !full || self.held.len() == before {
                break;
            }
        }
        // Another worker has claimed the others, or they have ended.
        self.doubtful.clear();
        Ok(())
    }

    /// Reads the changes of others, and extends the lease once half of it is over.
    pub(super) async fn watch(&mut self) -> Result<News, Error> {
        let runner = self.runner;
        let (before, asked_at) = (runner.clock.now(), runner.clock.monotonic());
        let lease = runner.config.lease;
        let extends = self.agenda.wants_extension(asked_at);
        let known: Vec<GateId> =
            if extends { self.held.keys().copied().collect() } else { Vec::new() };
        let extend = extends.then_some(GateExtension { gates: &known, lease });
        let watch = runner.store.watch_gates(runner.worker, extend).await?;
        let (now, answered_at) = (watch.now, runner.clock.monotonic());
        let reading = ClockReading { wall: now, asked_at, answered_at };
        self.reading = Some(reading);
        let epoch = self.present_epoch(watch.epoch, &reading).await?;
        let offset = self.offset.note(before, now, runner.clock.now());
        runner.cell.note().clock_offset = offset;
        if !watch.leased {
            runner.stats.taken(self.held.len());
            if !self.held.is_empty() {
                debug!(gates = self.held.len(), "the lease has ended: its gates are lost");
            }
            self.held.clear();
        }
        if extends {
            self.agenda.extended(asked_at, lease);
        }
        for gate in watch.changed {
            if let Some(held) = self.held.get_mut(&gate.record.id)
                && held.token == gate.token
            {
                held.changed(gate);
            }
        }
        // Observe the clock even if there is nothing to do. Otherwise an old step of the clock would delay the
        // next gate, which may have little time.
        let trust = self.guard.observe(&reading);
        self.suspect = trust == ClockTrust::Suspect;
        Ok(News { now, epoch, trust, reading, unclaimed: watch.unclaimed })
    }

    /// Returns the epoch of a reading of the store's clock. If the clock went back, the store begins a new
    /// epoch, to which the reading belongs (F168).
    async fn present_epoch(
        &mut self,
        read: ClockEpoch,
        reading: &ClockReading,
    ) -> Result<ClockEpoch, Error> {
        let time = StoreTime::new(read, reading.wall);
        self.epochs.observe(time, reading.asked_at, reading.answered_at);
        let Some(ended) = self.epochs.ended() else { return Ok(read) };
        let epoch = self.runner.store.begin_epoch(ended).await?;
        self.epochs.told(epoch);
        warn!(%epoch, "the store's clock went back: earlier results are void");
        Ok(epoch)
    }
}
