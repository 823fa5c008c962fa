//! The list of hosts: by name directly from the database, or ordered and filtered by status, which only the
//! library's store knows.

use std::str::FromStr;

use healthgate::{
    api::{Page, Problem, Query},
    directory::HostDirectory as _,
    model::{Actor, HostId, HostStatus, ViolationCode, Violations},
};
use uuid::Uuid;

use super::{Web, summaries};
use crate::{
    database::{HostPage, HostQuery, HostRow},
    directory::sees_all,
};

/// The parameters of a client, in addition to the page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) status: Option<HostStatus>,
    pub(super) text: Option<String>,
    pub(super) group: Option<String>,
    pub(super) reason: Option<String>,
    by_status: bool,
}

/// The hosts of a page, and the cursor of the next one.
pub(super) struct Found {
    pub(super) hosts: Vec<HostRow>,
    pub(super) next_cursor: Option<String>,
}

/// A position in a list: the status's rank (0 for a list by name), the name, and the id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    rank: u8,
    name: String,
    id: Uuid,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}", self.rank, self.id, self.name)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(());
        let rank = part()?.parse().map_err(|_| ())?;
        let id = part()?.parse().map_err(|_| ())?;
        // Names and text columns never contain NUL.
        let name = part().ok().filter(|name| !name.contains('\0')).ok_or(())?;
        Ok(Self { rank, id, name: name.to_owned() })
    }
}

/// Returns the rank of a status. The most urgent status comes first.
const fn rank(status: HostStatus) -> u8 {
    match status {
        HostStatus::Unhealthy => 1,
        HostStatus::Unknown => 2,
        HostStatus::None => 3,
        HostStatus::Healthy => 4,
    }
}

impl Wanted {
    /// Reads the parameters.
    ///
    /// # Errors
    /// Returns a 422 if a parameter is invalid.
    pub(super) fn read(query: &Query) -> Result<Self, Problem> {
        let mut violations = Violations::new();
        let status = match query.first("status") {
            None | Some("") => None,
            Some("healthy") => Some(HostStatus::Healthy),
            Some("unhealthy") => Some(HostStatus::Unhealthy),
            Some("unknown") => Some(HostStatus::Unknown),
            Some("none") => Some(HostStatus::None),
            Some(_) => {
                let message = "give healthy, unhealthy, unknown or none";
                violations.push("status", ViolationCode::UnknownValue, message);
                None
            }
        };
        let by_status = match query.first("sort") {
            None | Some("" | "name") => false,
            Some("status") => true,
            Some(_) => {
                violations.push("sort", ViolationCode::UnknownValue, "give name or status");
                false
            }
        };
        let text = query.first("q").map(str::trim).filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.chars().count() > 200 || text.contains('\0')) {
            violations.push("q", ViolationCode::TooLong, "give at most 200 characters");
        }
        let mut short = |name: &str| {
            let given = query.first(name).filter(|given| !given.is_empty())?;
            if given.chars().count() > 200 || given.contains('\0') {
                violations.push(name, ViolationCode::TooLong, "give at most 200 characters");
            }
            Some(given.to_owned())
        };
        let (group, reason) = (short("group"), short("reason"));
        let wanted = Self { status, text: text.map(str::to_owned), group, reason, by_status };
        Ok(violations.or_ok(Some(wanted))?)
    }
}

impl Web {
    /// Finds the hosts of a page that the caller may see.
    ///
    /// # Errors
    /// Fails if the database or the store cannot be read, or the cursor does not belong to this list.
    pub(super) async fn find_hosts(
        &self,
        actor: &Actor,
        wanted: &Wanted,
        page: &Page,
    ) -> Result<Found, Problem> {
        let database = &self.0.app.database;
        let after: Option<Place> = page.position()?;
        let query = HostQuery {
            shared_with: (!sees_all(actor.role)).then_some(actor.name.as_str()),
            text: wanted.text.as_deref(),
            group: wanted.group.as_deref(),
        };
        let limit = page.limit() as usize;
        if wanted.status.is_none() && wanted.reason.is_none() && !wanted.by_status {
            let after = after.as_ref().map(|place| (place.name.as_str(), place.id));
            // Reads one host more than requested, to know whether there is another page.
            let one_more = HostPage { after, limit: i64::from(page.limit()) + 1 };
            let mut hosts = database.hosts_by_name(query, one_more).await?;
            let more = hosts.len() > limit;
            hosts.truncate(limit);
            let last = hosts.last().filter(|_| more);
            let place = |host: &HostRow| Place {
                rank: 0,
                name: host.name.clone(),
                id: host.id().as_uuid(),
            };
            let next_cursor = last.map(|host| Page::cursor(place(host)));
            return Ok(Found { hosts, next_cursor });
        }
        let names = self.0.summaries.names(query).await?;
        let ids: Vec<HostId> = names.iter().map(|(id, _)| *id).collect();
        let known = self.0.summaries.of_many(&ids).await?;
        let failing = match &wanted.reason {
            Some(reason) => Some((self.0.summaries.failing(&ids).await?, reason)),
            None => None,
        };
        let fails = |id: &HostId| {
            failing.as_ref().is_none_or(|(failing, reason)| failing.fails_for(*id, reason))
        };
        let status = |id: &HostId| known.get(id).map_or(HostStatus::None, |known| known.status);
        let place = |(id, name): &(HostId, String)| Place {
            rank: if wanted.by_status { rank(status(id)) } else { 0 },
            name: name.clone(),
            id: id.as_uuid(),
        };
        // The names are already ordered, so the first ones of each rank suffice.
        let ranks = if wanted.by_status { 1..=4 } else { 0..=0 };
        let mut places: Vec<Place> = Vec::with_capacity(limit + 1);
        for asked in ranks {
            let of_rank = names
                .iter()
                .filter(|(id, _)| wanted.status.is_none_or(|wanted| status(id) == wanted))
                .filter(|(id, _)| fails(id))
                .filter(|(id, _)| !wanted.by_status || rank(status(id)) == asked)
                .map(place)
                .filter(|place| after.as_ref().is_none_or(|after| place > after));
            // Reads one host more than requested, to know whether there is another page.
            places.extend(of_rank.take(limit + 1 - places.len()));
        }
        let more = places.len() > limit;
        places.truncate(limit);
        let ids: Vec<HostId> = places.iter().map(|place| HostId::from_uuid(place.id)).collect();
        let mut found = database.hosts(&ids).await?;
        Ok(Found {
            hosts: ids.iter().filter_map(|id| found.remove(id)).collect(),
            next_cursor: places.last().filter(|_| more).map(Page::cursor),
        })
    }

    /// Returns those of these hosts that the caller may see, ordered by name, in one page.
    ///
    /// # Errors
    /// Fails if the database cannot be read.
    pub(super) async fn named_hosts(
        &self,
        actor: &Actor,
        ids: &[HostId],
    ) -> Result<Found, Problem> {
        let visible = self.0.app.directory.visible_to(actor, ids).await?;
        let ids: Vec<HostId> = ids.iter().copied().filter(|id| visible.contains(id)).collect();
        let found = self.0.app.database.hosts(&ids).await?;
        let mut hosts: Vec<HostRow> = found.into_values().collect();
        hosts.sort_unstable_by(|a, b| (&a.name, a.id()).cmp(&(&b.name, b.id())));
        Ok(Found { hosts, next_cursor: None })
    }

    /// Returns the health of these hosts, in their order.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(super) async fn health_of(
        &self,
        hosts: &[HostId],
    ) -> Result<Vec<healthgate::model::HostSummary>, Problem> {
        let mut known = self.0.summaries.of(hosts).await?;
        let summary = |id: &HostId| known.remove(id).unwrap_or_else(|| summaries::nothing(*id));
        Ok(hosts.iter().map(summary).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_also_where_the_name_holds_anything() {
        for name in ["web-01", "a:b:c", "", "grün 🙂"] {
            let place = Place { rank: 3, name: name.to_owned(), id: Uuid::from_u128(7) };
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for made_up in ["", "1:2:3", "300:00000000-0000-0000-0000-000000000007:x"] {
            assert_eq!(made_up.parse::<Place>(), Err(()), "{made_up}");
        }
    }
}
