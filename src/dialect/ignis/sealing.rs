//! Encryption of what the server sends: keys agreed on with a client, and frames under them.
//!
//! ECDH on P-256, HKDF-SHA-256 of the 256 shared bits, AES-256-GCM; public keys are uncompressed
//! points, and everything travels as base64. A client that was written for the reference does the
//! same with its browser's WebCrypto.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand::{self, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::codec::ws::{OpCode, write_frame_with};

/// Bytes of an uncompressed point of P-256.
pub(super) const PUBLIC_KEY_LEN: usize = 65;

const SALT_LEN: usize = 32;

/// The outcome of agreeing on keys with one client.
#[derive(Debug)]
pub(super) struct Handshake {
    /// What the client derives the same key from, as it is told.
    pub(super) server_public_key: String,
    pub(super) salt: String,
    pub(super) sealer: Sealer,
}

impl Handshake {
    /// Agrees on keys with the owner of a public key; fails when that is no point of the curve.
    ///
    /// Cost: two multiplications on the curve, about 0.1 ms; once for each `authenticate`.
    pub(super) fn with(
        client_public_key: &[u8; PUBLIC_KEY_LEN],
        info: &str,
    ) -> Result<Self, Unspecified> {
        let mut salt = [0; SALT_LEN];
        rand::fill(&mut salt)?;
        let own = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())?;
        let own_public = own.compute_public_key()?;
        let peer = UnparsedPublicKey::new(&ECDH_P256, client_public_key);
        let key = agree_ephemeral(own, peer, Unspecified, |shared| {
            let secret = Salt::new(HKDF_SHA256, &salt).extract(shared);
            let info = [info.as_bytes()];
            secret.expand(&info, &AES_256_GCM).map(UnboundKey::from)
        })?;
        Ok(Self {
            server_public_key: STANDARD.encode(own_public.as_ref()),
            salt: STANDARD.encode(salt),
            sealer: Sealer::new(LessSafeKey::new(key))?,
        })
    }
}

/// One client's key. No two frames under it share an IV: each is the first one, which is random,
/// with the number of the frame laid over it. (Random ones all through might meet by chance.)
#[derive(Debug)]
pub(super) struct Sealer {
    key: LessSafeKey,
    first_iv: [u8; NONCE_LEN],
    frames: u64,
}

impl Sealer {
    fn new(key: LessSafeKey) -> Result<Self, Unspecified> {
        let mut first_iv = [0; NONCE_LEN];
        rand::fill(&mut first_iv)?;
        Ok(Self {
            key,
            first_iv,
            frames: 0,
        })
    }

    fn next_iv(&mut self) -> [u8; NONCE_LEN] {
        let mut iv = self.first_iv;
        for (byte, number) in iv.iter_mut().rev().zip(self.frames.to_le_bytes()) {
            *byte ^= number;
        }
        // A connection that sends a frame each nanosecond gets through in 584 years.
        self.frames += 1;
        iv
    }

    /// Writes the frame that carries `plain`, which is encrypted in its place.
    pub(super) fn write_frame(&mut self, plain: &mut Vec<u8>, out: &mut Vec<u8>) {
        let iv = self.next_iv();
        let nonce = Nonce::assume_unique_for_key(iv);
        self.key
            .seal_in_place_append_tag(nonce, Aad::empty(), plain)
            .expect("no frame has the 64 GiB that are too much for AES-GCM");
        let payload_len = ENVELOPE_LEN + base64_len(NONCE_LEN) + base64_len(plain.len());
        write_frame_with(out, OpCode::Text, payload_len, |out| {
            out.extend_from_slice(br#"{"event":"encrypted","data":{"iv":""#);
            push_base64(out, &iv);
            out.extend_from_slice(br#"","ct":""#);
            push_base64(out, plain);
            out.extend_from_slice(br#""}}"#);
        });
    }
}

/// Bytes of a frame's payload around its two texts.
const ENVELOPE_LEN: usize = 46;

fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + base64_len(bytes.len()), 0);
    STANDARD
        .encode_slice(bytes, &mut out[start..])
        .expect("base64 makes four bytes of three");
}
