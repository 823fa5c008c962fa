//! An in-memory certificate authority, and the certificates it issues.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Duration, Utc};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, RevokedCertParams, SanType, SerialNumber,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

/// A certificate authority with an ECDSA P-256 key. Clones are cheap and represent the same authority.
///
/// An authority and the leaves that it issues are always separate certificates, because TLS clients refuse
/// a server certificate that is its own authority.
#[derive(Clone)]
pub struct Authority {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Authority").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

impl Authority {
    /// Creates an authority with a new key. `name` becomes the subject's common name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let key = new_key();
        let now = Utc::now();
        let mut params = base_params(name, now - Duration::days(365), now + Duration::days(3650));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate =
            params.self_signed(&key).expect("a P-256 key signs its own authority certificate");
        let inner = Inner {
            name: name.to_owned(),
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the common name given to [`Authority::new`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Returns the authority's certificate as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.inner.pem
    }

    /// Returns the authority's certificate as DER.
    #[must_use]
    pub fn ca_der(&self) -> CertificateDer<'static> {
        self.inner.certificate.clone()
    }

    /// Returns a root store that trusts only this authority.
    #[must_use]
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca_der()).expect("a certificate made by rcgen is a valid trust anchor");
        roots
    }

    /// Issues a server certificate.
    ///
    /// # Panics
    /// Panics if a DNS name of `spec` is not ASCII.
    #[must_use]
    pub fn issue_server(&self, spec: &ServerCertSpec) -> Identity {
        let key = new_key();
        let params = spec.params();
        let certificate = params
            .signed_by(&key, &self.inner.issuer)
            .expect("the authority signs a server certificate");
        Identity::new(&certificate, &key, &params)
    }

    /// Issues a currently valid client certificate. `name` becomes the subject's common name.
    #[must_use]
    pub fn issue_client(&self, name: &str) -> Identity {
        self.issue_client_valid(name, Validity::Valid)
    }

    /// Issues a client certificate with the given validity.
    #[must_use]
    pub fn issue_client_valid(&self, name: &str, validity: Validity) -> Identity {
        let key = new_key();
        let (not_before, not_after) = validity.bounds(Utc::now());
        let mut params = base_params(name, not_before, not_after);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let certificate = params
            .signed_by(&key, &self.inner.issuer)
            .expect("the authority signs a client certificate");
        Identity::new(&certificate, &key, &params)
    }

    /// Creates a PEM revocation list of these identities, valid until `next_update`.
    #[must_use]
    pub fn revocation_list(&self, revoked: &[&Identity], next_update: DateTime<Utc>) -> String {
        let now = to_time(Utc::now() - Duration::days(60));
        let revoked = revoked.iter().map(|identity| RevokedCertParams {
            serial_number: identity.serial.clone(),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update: to_time(next_update),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.inner.issuer).expect("the authority signs its list");
        list.pem().expect("a list has a PEM form")
    }

    /// Creates a TLS client configuration (1.2 and 1.3, `ring`) that trusts only this authority and
    /// presents `client`, if given.
    #[must_use]
    pub fn client_config(&self, client: Option<&Identity>) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(crate::tls_mode::provider())
            .with_safe_default_protocol_versions()
            .expect("ring supports the default protocol versions")
            .with_root_certificates(self.roots());
        match client {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key())
                .expect("an issued key fits its certificate"),
            None => builder.with_no_client_auth(),
        }
    }
}

/// The validity of a certificate, relative to its issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validity {
    /// From yesterday for 30 days.
    #[default]
    Valid,
    /// From 30 days ago until yesterday.
    Expired,
    /// From tomorrow for 30 days.
    NotYetValid,
    /// Exactly between these instants, truncated to seconds.
    Between {
        /// First instant of validity.
        not_before: DateTime<Utc>,
        /// Last instant of validity.
        not_after: DateTime<Utc>,
    },
}

impl Validity {
    fn bounds(self, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let day = Duration::days(1);
        match self {
            Self::Valid => (now - day, now + day * 30),
            Self::Expired => (now - day * 30, now - day),
            Self::NotYetValid => (now + day, now + day * 31),
            Self::Between { not_before, not_after } => (not_before, not_after),
        }
    }
}

/// The names and validity of a server certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertSpec {
    /// Subject common name (ignored by TLS clients).
    pub common_name: String,
    /// IP subject alternative names.
    pub ips: Vec<IpAddr>,
    /// DNS subject alternative names.
    pub dns_names: Vec<String>,
    /// Validity of the certificate.
    pub validity: Validity,
}

impl ServerCertSpec {
    /// Creates a valid certificate without names. Add them with [`with_ip`](Self::with_ip) and
    /// [`with_dns`](Self::with_dns).
    #[must_use]
    pub fn new(common_name: &str) -> Self {
        Self {
            common_name: common_name.to_owned(),
            ips: Vec::new(),
            dns_names: Vec::new(),
            validity: Validity::Valid,
        }
    }

    /// Creates a valid certificate for `127.0.0.1`, `::1` and `localhost`.
    #[must_use]
    pub fn loopback() -> Self {
        Self::new("loopback")
            .with_ip(Ipv4Addr::LOCALHOST.into())
            .with_ip(std::net::Ipv6Addr::LOCALHOST.into())
            .with_dns("localhost")
    }

    /// Adds an IP subject alternative name.
    #[must_use]
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.ips.push(ip);
        self
    }

    /// Adds a DNS subject alternative name in ASCII. `*.` wildcards are kept unchanged.
    #[must_use]
    pub fn with_dns(mut self, name: &str) -> Self {
        self.dns_names.push(name.to_owned());
        self
    }

    /// Sets the validity.
    #[must_use]
    pub fn with_validity(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    fn params(&self) -> CertificateParams {
        let (not_before, not_after) = self.validity.bounds(Utc::now());
        let mut params = base_params(&self.common_name, not_before, not_after);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let ips = self.ips.iter().map(|ip| SanType::IpAddress(*ip));
        let names = self.dns_names.iter().map(|name| {
            SanType::DnsName(
                Ia5String::try_from(name.as_str()).expect("a DNS name in a certificate is ASCII"),
            )
        });
        params.subject_alt_names = ips.chain(names).collect();
        params
    }
}

/// A certificate with its private key.
#[derive(Clone)]
pub struct Identity {
    /// The leaf certificate as PEM.
    pub cert_pem: String,
    /// The private key as PKCS#8 PEM.
    pub key_pem: String,
    /// The certificates to present: only the leaf, because the peer has the authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key as PKCS#8 DER.
    pub key_der: Vec<u8>,
    /// First instant of validity, in whole seconds.
    pub not_before: DateTime<Utc>,
    /// Last instant of validity, in whole seconds.
    pub not_after: DateTime<Utc>,
    serial: SerialNumber,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Creates a server certificate signed by its own key, which is not an authority.
    ///
    /// # Panics
    /// Panics if a DNS name of `spec` is not ASCII.
    #[must_use]
    pub fn self_signed(spec: &ServerCertSpec) -> Self {
        let key = new_key();
        let params = spec.params();
        let certificate = params.self_signed(&key).expect("a P-256 key signs its own certificate");
        Self::new(&certificate, &key, &params)
    }

    /// Creates the certificate of [`self_signed`](Self::self_signed), marked as an authority (`CA:TRUE`).
    ///
    /// # Panics
    /// Panics if a DNS name of `spec` is not ASCII.
    #[must_use]
    pub fn self_signed_authority(spec: &ServerCertSpec) -> Self {
        let key = new_key();
        let mut params = spec.params();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a P-256 key signs its own certificate");
        Self::new(&certificate, &key, &params)
    }

    /// Returns the same identity with a certificate that claims an ECDSA signature with SHA-1. The
    /// signature itself is no longer valid.
    pub(crate) fn claiming_sha1(self) -> Self {
        let chain = self.chain.iter().map(|leaf| CertificateDer::from(sha1_form(leaf))).collect();
        Self { chain, ..self }
    }

    /// Returns the private key in the form that rustls takes.
    #[must_use]
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key_der.clone()))
    }

    /// Returns certificate and key in one PEM text.
    #[must_use]
    pub fn bundle_pem(&self) -> String {
        format!("{}{}", self.cert_pem, self.key_pem)
    }

    fn new(certificate: &Certificate, key: &KeyPair, params: &CertificateParams) -> Self {
        Self {
            cert_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            chain: vec![certificate.der().clone()],
            key_der: key.serialize_der(),
            not_before: to_chrono(params.not_before),
            not_after: to_chrono(params.not_after),
            serial: params.serial_number.clone().expect("each certificate is given a number"),
        }
    }
}

/// Replaces ecdsa-with-SHA256 with ecdsa-with-SHA1, which is one byte shorter, in a certificate and in its
/// signed part.
fn sha1_form(certificate: &[u8]) -> Vec<u8> {
    const SHA256: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    const SHA1: &[u8] = &[0x30, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
    let mut form = Vec::with_capacity(certificate.len());
    let mut rest = certificate;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(SHA256) {
            form.extend_from_slice(SHA1);
            rest = after;
        } else {
            form.push(*first);
            rest = after;
        }
    }
    // Both sequences have two-byte lengths. The certificate becomes shorter by two, its signed part by one.
    for (at, less) in [(2, 2), (6, 1)] {
        let length = u16::from_be_bytes([form[at], form[at + 1]]) - less;
        form[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    form
}

static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

fn new_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("ring generates P-256 keys")
}

fn base_params(
    common_name: &str,
    not_before: DateTime<Utc>,
    not_after: DateTime<Utc>,
) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common_name);
    params.distinguished_name = subject;
    params.not_before = to_time(not_before);
    params.not_after = to_time(not_after);
    // Positive, and different each time.
    let serial = NEXT_SERIAL.fetch_add(1, Ordering::Relaxed);
    params.serial_number = Some(SerialNumber::from(serial));
    params
}

fn to_time(instant: DateTime<Utc>) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(instant.timestamp())
        .expect("a test's dates lie within the years 1 to 9999")
}

fn to_chrono(instant: OffsetDateTime) -> DateTime<Utc> {
    DateTime::from_timestamp(instant.unix_timestamp(), 0)
        .expect("the value was made from a chrono instant")
}
