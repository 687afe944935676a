//! The one place where a token may stand: one `Authorization` header with the scheme `Bearer`.
//!
//! RFC 6750 knows two more, a form field and a query parameter. Both end in logs, and two places
//! mean two readers that see two tokens; neither is read here.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::error::{TokenError, TokenErrorKind};

/// The token of a request. `query` is the query of its URI, where the host knows it.
///
/// # Errors
/// No token ([`TokenErrorKind::Missing`]), which includes other schemes and a token in the query
/// alone; or more than one, or one that cannot be a token
/// ([`TokenErrorKind::InvalidRequest`]).
pub fn token<'a>(headers: &'a HeaderMap, query: Option<&str>) -> Result<&'a str, TokenError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(TokenErrorKind::Missing.into());
    };
    if values.next().is_some() {
        return Err(TokenErrorKind::InvalidRequest("several Authorization headers").into());
    }
    let value = value
        .to_str()
        .map_err(|_| TokenErrorKind::InvalidRequest("an Authorization header that is not text"))?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    // Schemes do not care for case (RFC 9110 section 11.1).
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenErrorKind::Missing.into());
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || !token.bytes().all(is_token68) {
        return Err(TokenErrorKind::InvalidRequest("credentials that are no bearer token").into());
    }
    //= https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    // More than one method of sending a token: invalid_request.
    if query.is_some_and(names_access_token) {
        return Err(TokenErrorKind::InvalidRequest("a second token in the query").into());
    }
    Ok(token)
}

/// The characters of `b64token` (RFC 6750 section 2.1).
fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

fn names_access_token(query: &str) -> bool {
    query
        .split('&')
        .any(|pair| pair.split('=').next() == Some("access_token"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(lines: &[&str], query: Option<&str>, expected: Result<&str, u16>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(
                AUTHORIZATION,
                HeaderValue::from_bytes(line.as_bytes()).unwrap(),
            );
        }
        let found = token(&headers, query).map_err(|error| error.status());
        assert_eq!(found, expected, "{lines:?}");
    }

    #[test]
    fn one_header_with_one_token() {
        check(&["Bearer abc.def-_~+/=="], None, Ok("abc.def-_~+/=="));
        check(&["bEARER  abc"], Some("a=b&access_tokens=1"), Ok("abc"));
        for missing in [
            &[][..],
            &["Basic YTpi"],
            &["DPoP abc"],
            &["Bearerabc"],
            &[""],
        ] {
            check(missing, None, Err(401));
        }
        check(&[], Some("access_token=abc"), Err(401));
        for twice in [
            &["Bearer a", "Bearer a"][..],
            &["Bearer a", "Basic b"],
            &["Bearer"],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer a, Bearer b"],
            &["Bearer \"a\""],
            &["Bearer \u{fc}"],
        ] {
            check(twice, None, Err(400));
        }
        check(&["Bearer a"], Some("x=1&access_token=b"), Err(400));
    }
}
