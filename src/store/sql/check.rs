//! A check as columns, with the names of the table `host_health_checks`.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    model::{
        CheckDefinition, CheckId, CheckName, CheckUrl, ExpectedBody, HealthCheck, HostId,
        HttpProbe, Probe, SealedSecret, ServiceName, ServiceProbe, StoreTime, UserName,
        ViolationCode,
    },
    store::StoreError,
};

const CHECK: &str = "health check";

/// The columns of a check, save for its instants, which each database has in its own type.
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
}

impl CheckColumns {
    /// The check of these columns, each text held against its rule again.
    pub(in crate::store) fn into_check(
        self,
        created_at: DateTime<Utc>,
        updated: StoreTime,
    ) -> Result<HealthCheck, StoreError> {
        let probe = match (self.check_type.as_str(), self.service_name, self.url) {
            ("service", Some(service_name), None) => Probe::Service(ServiceProbe {
                service_name: read(ServiceName::parse(&service_name))?,
                target_host_id: self.target_host_id.map(HostId::from_uuid),
            }),
            ("http", None, Some(url)) => Probe::Http(HttpProbe {
                url: read(CheckUrl::parse(&url))?,
                expected_body: read(ExpectedBody::parse(
                    self.expected_body.as_deref().unwrap_or_default(),
                ))?,
                user: self.basic_auth_user.map(|user| read(UserName::parse(&user))).transpose()?,
            }),
            _ => return Err(StoreError::corrupt(CHECK, "its type and its columns do not fit")),
        };
        let secret = self.basic_auth_pass_encrypted.map(|ciphertext| SealedSecret {
            format: self.secret_format,
            // A row without a nonce is corrupt; the sealer says so (F82).
            nonce: self.basic_auth_pass_nonce.unwrap_or_default(),
            ciphertext,
        });
        Ok(HealthCheck {
            id: CheckId::from_uuid(self.id),
            host_id: HostId::from_uuid(self.host_id),
            definition: CheckDefinition {
                name: read(CheckName::parse(&self.name))?,
                enabled: self.enabled,
                // The plan's column may hold null, and then its default counts.
                ignore_cert_errors: self.ignore_cert_errors.unwrap_or(true),
                probe,
            },
            secret,
            created_at,
            updated_at: updated.at,
            updated_epoch: updated.epoch,
            revision: self.revision,
        })
    }
}

fn read<T>(parsed: Result<T, (ViolationCode, String)>) -> Result<T, StoreError> {
    parsed.map_err(|(_, message)| StoreError::corrupt(CHECK, message))
}

/// What a definition writes into the columns.
#[derive(Debug)]
pub(in crate::store) struct DefinitionColumns<'a> {
    pub(in crate::store) name: &'a str,
    pub(in crate::store) check_type: &'static str,
    pub(in crate::store) enabled: bool,
    pub(in crate::store) service_name: Option<&'a str>,
    pub(in crate::store) target_host_id: Option<Uuid>,
    pub(in crate::store) url: Option<&'a str>,
    pub(in crate::store) expected_body: Option<&'a str>,
    pub(in crate::store) ignore_cert_errors: bool,
    pub(in crate::store) basic_auth_user: Option<&'a str>,
}

impl<'a> DefinitionColumns<'a> {
    pub(in crate::store) fn of(definition: &'a CheckDefinition) -> Self {
        let (service, http) = (definition.service(), definition.http());
        Self {
            name: &definition.name,
            check_type: definition.check_type().as_str(),
            enabled: definition.enabled,
            service_name: service.map(|service| &*service.service_name),
            target_host_id: definition.target_host_id().map(|host| host.as_uuid()),
            url: http.map(|http| http.url.as_str()),
            expected_body: http.map(|http| &*http.expected_body),
            ignore_cert_errors: definition.ignore_cert_errors,
            basic_auth_user: http.and_then(|http| http.user.as_deref()),
        }
    }
}
