//! Questions to the host whose answers are known.

use serde_json::{Value, json};

use super::{HOST_ALGORITHMS, ask};
use crate::algorithm::Algorithm;
use crate::host::Host;
use crate::identity::keys::Key;
use crate::identity::token::Token;

/// Whether the host knows the good signature of this algorithm and refuses it
/// over another text, altered, and under another hash.
pub(super) fn holds(algorithm: Algorithm, host: &dyn Host) -> bool {
    judge(algorithm, host).unwrap_or(false)
}

fn judge(algorithm: Algorithm, host: &dyn Host) -> Option<bool> {
    let (jwk, text) = vector(algorithm)?;
    let key = Key::read(&jwk).ok()?;
    let token = Token::parse(text.as_bytes()).ok()?;
    let question = |algorithm, text: &[u8], signature: &[u8]| ask(&key, algorithm, text, signature, host);
    let (signed, signature) = (token.signed(), token.signature());
    let other_text = signed.split_last()?.1;
    let mut altered = signature.to_vec();
    *altered.last_mut()? ^= 1;
    let mut other_hashes = HOST_ALGORITHMS.into_iter().filter(|other| *other != algorithm && key.serves(*other));
    Some(
        question(algorithm, signed, signature) == Some(true)
            && question(algorithm, other_text, signature) == Some(false)
            && question(algorithm, signed, &altered) == Some(false)
            && other_hashes.all(|other| question(other, signed, signature) != Some(true)),
    )
}

/// A key and a token that it signed: those of RFC 7515 (A.2, A.3) where it has
/// some, else made once with OpenSSL and keys that were thrown away.
fn vector(algorithm: Algorithm) -> Option<(Value, &'static str)> {
    let rsa = |modulus: &str| json!({"kty": "RSA", "n": modulus, "e": "AQAB"});
    let ec = |curve: &str, x: &str, y: &str| json!({"kty": "EC", "crv": curve, "x": x, "y": y});
    match algorithm {
        Algorithm::RS256 => Some((rsa(RFC_MODULUS), RS256)),
        Algorithm::RS384 => Some((rsa(MODULUS), RS384)),
        Algorithm::RS512 => Some((rsa(MODULUS), RS512)),
        Algorithm::ES256 => Some((ec("P-256", P256_X, P256_Y), ES256)),
        Algorithm::ES384 => Some((ec("P-384", P384_X, P384_Y), ES384)),
        _ => None,
    }
}

const RFC_MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgN\
    MsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xs\
    mtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf\
    Q.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t\
    1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzD\
    wusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77\
    Rw";

const P256_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const P256_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf\
    Q.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

const MODULUS: &str = "mR0k3gy5sIgGfmzt5hB2l1caSNeMSDR7WpYfXxGOPXUMDypW0Dd9gOG0FOSxlnqZdcMyNjmsAn6TTh938MGqZ-JGMdL3z8bly6Fq-M_0FzYJtVTPwW\
    aQE1A06e8i24pU0Curm2ZEzySvMtxge30ppmnCUXtJ9-Mv_bnBCHdS9k49O4Dd8-1fkfnWffVUK5iClfSnPN8ySL51YRmKVpgXbBZoZGHDIyLghCbV\
    opku7MocfMJVrP2S_ylz-yzgn7u6hUJL51bTYkU1wwxZLiow3lgWW2WG7QgjfNkVY3Id-vEzcGCQdy-DFbSnd-nnz8YwFavJxnCuT3EDl6g3MWicMw";
const RS384: &str = "eyJhbGciOiJSUzM4NCJ9.eyJpc3MiOiJrbm93biBhbnN3ZXIifQ.ewGX559_1Mf0CFaOU8dbyCkiBadUyOCFuE42gj59po2F0rqo-A2H7D5J_Ps5CK\
    xPTbPcc7BCw4tWSyVJKmFj8_Y7F0LMf9CaTy3IJ4l2nFflv7Y7GFQpryjN-vylqkfdJXqrZUJWAzspzj60us-AxAzupMw9alCjqIaueUvCA-7cNDkS\
    5nae6SjWhVim6n0HdeY2YEiBl5-5dTkzsZ2qVclhgj6XqqDqrUf8dFhI71R6V1NDnwXcTibKzBst5jzQyDhGQxx9sibu5TPLxl7pUTJNZF_OFQ92LV\
    -zhdoOfriI6krWAzd_svIKm9STugbDo1BkTurp6RHsxPhGe6ueCA";
const RS512: &str = "eyJhbGciOiJSUzUxMiJ9.eyJpc3MiOiJrbm93biBhbnN3ZXIifQ.eJZTflLBuQXSVQavtJ10BulQfhmy9dzXViBuuUTeX1kXMvU6QimzwjRSQo11i2\
    qa3jrz5lc1rXEBpqzfq_BMMII37FZW64CGWoO97SpegsXndchViy_caIFleGYH1lAZzNZIgoUeM7lndH6YLte2qsHMFAi2HREPzp7vfyPzWISapNbd\
    nOj36UVD-9onxuC_6ZmvWuQtjEM_sjS8PjfqOOUU8XLPJAdDUjbgOYmC83Za6q85ZSj7c0repdt5HAf-OqoA2wKXwk9zJBCSOxUtkoG0Hx2K_Cppd_\
    E5KZOadil1qWbA8d4Ap0WQvaQuTz5Dlwcq-6EgCMWliLbPFjyoHw";

const P384_X: &str = "CuAkOggPUBiwsY9RfT6I7As7W4VpHuNhgO0BXsLGGNxXCWs5MLb_SaV5ADBVLm--";
const P384_Y: &str = "jqu-9abx7uxiTAVeu4afsLSqlFPJ-DKdhcd6UjDzFAPAKCKGeYls9gLxWEUd2svz";
const ES384: &str = "eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJrbm93biBhbnN3ZXIifQ.i3z8xe6buLSQ91kL2SiTD2bAScR_ASmfiLBnbAGeg5hFxdNvFT7DHzkW68cQBo\
    kOr6TFic2MwC8T5fyh2nI1d-jt4HjsVUnODutEOk-Ns3gAoM_yitrIbM74uegdDFAZ";
