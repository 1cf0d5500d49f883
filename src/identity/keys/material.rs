//! The mathematics of a key: which numbers make a sound one.

use ct_codecs::{Base64UrlSafeNoPadding, Decoder};
use p256::pkcs8::EncodePublicKey;
use serde_json::{Map, Value};
use superboring::pkey::{PKey, Public};
use superboring::reexports::rsa::{BigUint, RsaPublicKey};
use superboring::rsa::{Rsa, RsaKey};

use crate::algorithm::Algorithm;

/// A sound public key. The types of RSA and the P curves are those under
/// jwt-simple's key types, which themselves stop at 4096 bits and one RSA
/// exponent.
#[derive(Clone, Debug)]
pub(in crate::identity) enum Material {
    /// With the length of its modulus, and so of its signatures, in bytes.
    Rsa(Box<PKey<Public>>, usize),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

impl Material {
    pub fn read(members: &Map<String, Value>) -> Result<Material, &'static str> {
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
        let bytes = |name: &str| {
            Base64UrlSafeNoPadding::decode_to_vec(text(name), None).map_err(|_| "a member is not base64url")
        };
        match (text("kty"), text("crv")) {
            ("RSA", _) => rsa(&bytes("n")?, &bytes("e")?),
            ("EC", "P-256") => {
                let point = point::<32>(&bytes("x")?, &bytes("y")?)?;
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point);
                key.map(Material::P256).map_err(|_| "its point is not on the curve")
            }
            ("EC", "P-384") => {
                let point = point::<48>(&bytes("x")?, &bytes("y")?)?;
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point);
                key.map(Material::P384).map_err(|_| "its point is not on the curve")
            }
            ("OKP", "Ed25519") => ed25519(&bytes("x")?),
            ("EC" | "OKP", _) => Err("its crv is not supported"),
            ("oct", _) => Err("is a secret key"),
            _ => Err("its kty is not supported"),
        }
    }

    /// Whether this kind of key makes signatures of this algorithm.
    pub fn serves(&self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::ES256 => matches!(self, Material::P256(_)),
            Algorithm::ES384 => matches!(self, Material::P384(_)),
            Algorithm::EdDSA => matches!(self, Material::Ed25519(_)),
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => matches!(self, Material::Rsa(..)),
        }
    }

    /// The one length of this key's signatures as JWS has them, in bytes.
    pub fn signature_length(&self) -> usize {
        match self {
            Material::Rsa(_, length) => *length,
            Material::P256(_) | Material::Ed25519(_) => 64,
            Material::P384(_) => 96,
        }
    }

    pub fn kty(&self) -> &'static str {
        match self {
            Material::Rsa(..) => "RSA",
            Material::P256(_) | Material::P384(_) => "EC",
            Material::Ed25519(_) => "OKP",
        }
    }

    /// DER `SubjectPublicKeyInfo`.
    pub fn to_der(&self) -> Option<Vec<u8>> {
        match self {
            Material::Rsa(key, _) => match key.as_ref() {
                PKey::Rsa(key) => key.public_key_to_der().ok(),
                PKey::None => None,
            },
            Material::P256(key) => Some(key.to_public_key_der().ok()?.into_vec()),
            Material::P384(key) => Some(key.to_public_key_der().ok()?.into_vec()),
            Material::Ed25519(key) => Some(key.to_public_key_der().ok()?.into_vec()),
        }
    }
}

/// 2048 bits are NIST's least until 2030; 8192 keep a check under some ten
/// milliseconds of wasm. An even modulus would make the arithmetic panic or
/// crawl, and an exponent of 1 would make anything a signature.
fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Material, &'static str> {
    const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
    // Some providers write a leading zero byte (a Java sign byte), none two.
    if modulus.len() > 8192 / 8 + 1 || exponent.len() > 8 {
        return Err("RSA key is too large");
    }
    let (n, e) = (BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(exponent));
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte & 1 == 1);
    if !BITS.contains(&n.bits()) || !odd(modulus) {
        return Err("RSA modulus must be odd, of 2048 to 8192 bits");
    }
    if !(2..=32).contains(&e.bits()) || !odd(exponent) {
        return Err("RSA exponent must be odd, of 2 to 32 bits");
    }
    let length = n.bits().div_ceil(8);
    let key = RsaPublicKey::new_with_max_size(n, e, *BITS.end()).map_err(|_| "RSA key is not sound")?;
    let key = Rsa { rsa_key: RsaKey::Public(key), _marker: std::marker::PhantomData };
    Ok(Material::Rsa(Box::new(PKey::Rsa(key)), length))
}

/// An uncompressed point; RFC 7518 section 6.2.1.2 demands coordinates of full
/// length.
fn point<const LENGTH: usize>(x: &[u8], y: &[u8]) -> Result<Vec<u8>, &'static str> {
    if x.len() != LENGTH || y.len() != LENGTH {
        return Err("its coordinates have a wrong length");
    }
    Ok([&[4], x, y].concat())
}

fn ed25519(x: &[u8]) -> Result<Material, &'static str> {
    let bytes = x.try_into().map_err(|_| "its x has a wrong length")?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| "its point is not on the curve")?;
    // Of small order one signature fits many texts; and one key is to have one
    // spelling (RFC 8032 section 5.1.3).
    if key.is_weak() || key.to_edwards().compress().as_bytes() != bytes {
        return Err("its point is not sound");
    }
    Ok(Material::Ed25519(Box::new(key)))
}
