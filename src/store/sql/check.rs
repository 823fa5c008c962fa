//! Stores a check as columns, under the names of the table `host_health_checks`.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use crate::model::{
    CheckId, HealthCheck, HostId, SealedSecret, StoreTime, StoredCheck, UnreadableCheck,
};

/// The columns of a check, except for its instants: each database has its own type for these.
#[derive(FromRow, Debug)]
pub(in crate::store) struct CheckColumns {
    id: Uuid,
    host_id: Uuid,
    name: String,
    check_type: String,
    enabled: bool,
    service_name: Option<String>,
    target_host_id: Option<Uuid>,
    url: Option<String>,
    expected_body: Option<String>,
    ignore_cert_errors: Option<bool>,
    basic_auth_user: Option<String>,
    basic_auth_pass_encrypted: Option<Vec<u8>>,
    basic_auth_pass_nonce: Option<Vec<u8>>,
    secret_format: i16,
    revision: i64,
    /// Whether a part of the row could not be read.
    #[sqlx(skip)]
    broken: bool,
}

impl CheckColumns {
    /// Returns the check of these columns. This never fails (F221).
    pub(in crate::store) fn into_check(
        self,
        created_at: DateTime<Utc>,
        updated: StoreTime,
    ) -> HealthCheck {
        let stored = StoredCheck {
            name: self.name,
            check_type: self.check_type,
            enabled: self.enabled,
            service_name: self.service_name,
            target_host_id: self.target_host_id.map(HostId::from_uuid),
            url: self.url,
            expected_body: self.expected_body,
            // An adopted column may hold null: use the default.
            ignore_cert_errors: self.ignore_cert_errors.unwrap_or(true),
            basic_auth_user: self.basic_auth_user,
        };
        let secret = self.basic_auth_pass_encrypted.map(|ciphertext| SealedSecret {
            format: self.secret_format,
            // A row without a nonce is corrupt. The sealer reports that (F82).
            nonce: self.basic_auth_pass_nonce.unwrap_or_default(),
            ciphertext,
        });
        HealthCheck {
            id: CheckId::from_uuid(self.id),
            host_id: HostId::from_uuid(self.host_id),
            definition: if self.broken { UnreadableCheck::of_row(stored) } else { stored.read() },
            secret,
            created_at,
            updated_at: updated.at,
            updated_epoch: updated.epoch,
            revision: self.revision,
        }
    }
}

#[cfg(feature = "sqlite")]
impl CheckColumns {
    /// Reads what it can of a row with a value of the wrong type.
    pub(in crate::store) fn salvage(row: &sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
        use sqlx::Row;

        let bytes = |column: &str| row.try_get::<Option<Vec<u8>>, _>(column).ok().flatten();
        let text =
            |column: &str| bytes(column).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Self {
            id: row.try_get("id")?,
            host_id: row.try_get("host_id")?,
            name: text("name").unwrap_or_default(),
            check_type: text("check_type").unwrap_or_default(),
            enabled: row.try_get("enabled").unwrap_or(true),
            service_name: text("service_name"),
            target_host_id: row.try_get("target_host_id").ok().flatten(),
            url: text("url"),
            expected_body: text("expected_body"),
            ignore_cert_errors: row.try_get("ignore_cert_errors").ok().flatten(),
            basic_auth_user: text("basic_auth_user"),
            basic_auth_pass_encrypted: bytes("basic_auth_pass_encrypted"),
            basic_auth_pass_nonce: bytes("basic_auth_pass_nonce"),
            secret_format: row.try_get("secret_format").unwrap_or(SealedSecret::BOUND),
            revision: row.try_get("revision").unwrap_or(0),
            broken: true,
        })
    }
}
