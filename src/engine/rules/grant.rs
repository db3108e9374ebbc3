//! To whom a rule gives what it is about.

use std::fmt;

use serde_json::Value;

use super::Pattern;
use crate::engine::decider::{Ruling, Verdict};
use crate::engine::identity::Identity;

/// What a rule says about the names that it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Everybody may.
    Allow,
    /// Nobody may.
    Deny,
    /// Whoever has an identity may.
    Authenticated,
    /// Those may whose claim at this RFC 6901 pointer lists the name, or a pattern that matches it.
    Claim(String),
    /// Those may whose claims, filled in, give exactly the name.
    Template(Template),
    /// The application says.
    Webhook,
}

impl Grant {
    /// Reads what an operator writes: `allow`, `deny`, `authenticated`, `webhook`,
    /// `claim:/pointer`, or a name with claims in braces such as `private-user.{sub}`.
    ///
    /// # Errors
    ///
    /// [`GrantError`] says what is wrong with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use shardcast::engine::rules::Grant;
    ///
    /// assert_eq!(Grant::parse("authenticated")?, Grant::Authenticated);
    /// assert!(matches!(Grant::parse("private-user.{sub}")?, Grant::Template(_)));
    /// assert!(Grant::parse("sometimes").is_err());
    /// # Ok::<(), shardcast::engine::rules::GrantError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, GrantError> {
        match text {
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            "authenticated" => Ok(Self::Authenticated),
            "webhook" => Ok(Self::Webhook),
            _ => match text.strip_prefix("claim:") {
                Some(pointer) if pointer.starts_with('/') => Ok(Self::Claim(pointer.to_owned())),
                Some(_) => Err(GrantError::Pointer),
                None if text.contains(['{', '}']) => Template::parse(text).map(Self::Template),
                None => Err(GrantError::Unknown),
            },
        }
    }

    /// Rules on one name for whoever has this identity.
    ///
    /// Cost: one look at the claims at most; of a claim's list, one comparison for each entry.
    #[must_use]
    pub fn ruling(&self, identity: Option<&Identity>, name: &str) -> Ruling {
        let allowed = match self {
            Self::Allow => true,
            Self::Deny => false,
            Self::Authenticated => identity.is_some(),
            Self::Claim(pointer) => identity
                .and_then(|identity| identity.claim(pointer))
                .is_some_and(|claim| lists(claim, name)),
            Self::Template(template) => {
                identity.is_some_and(|identity| template.is(identity, name))
            }
            Self::Webhook => return Ruling::Ask,
        };
        Ruling::Known(if allowed {
            Verdict::Allow
        } else {
            Verdict::Deny
        })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Deny => f.write_str("deny"),
            Self::Authenticated => f.write_str("authenticated"),
            Self::Claim(pointer) => write!(f, "claim:{pointer}"),
            Self::Template(template) => f.write_str(&template.text),
            Self::Webhook => f.write_str("webhook"),
        }
    }
}

/// A name, or a list of names, each perhaps a pattern.
fn lists(claim: &Value, name: &str) -> bool {
    let matches = |entry: &Value| {
        let pattern = entry.as_str().and_then(|text| Pattern::parse(text).ok());
        pattern.is_some_and(|pattern| pattern.matches(name))
    };
    match claim {
        Value::Array(entries) => entries.iter().any(matches),
        one => matches(one),
    }
}

/// A name with claims in it: `private-user.{sub}`, `org.{/org/id}.team`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    /// A text, then a claim's pointer, and so on; the last text has no claim behind it.
    parts: Vec<(String, Option<String>)>,
}

impl Template {
    fn parse(text: &str) -> Result<Self, GrantError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (claim, behind) = behind.split_once('}').ok_or(GrantError::Braces)?;
            if claim.is_empty() || claim.contains('{') || before.contains('}') {
                return Err(GrantError::Braces);
            }
            let pointer = if claim.starts_with('/') {
                claim.to_owned()
            } else {
                // The name of a claim may hold what a pointer gives another meaning.
                format!("/{}", claim.replace('~', "~0").replace('/', "~1"))
            };
            parts.push((before.to_owned(), Some(pointer)));
            rest = behind;
        }
        if rest.contains('}') {
            return Err(GrantError::Braces);
        }
        parts.push((rest.to_owned(), None));
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Where the claims are that it is filled in from, as RFC 6901 pointers.
    pub fn pointers(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|(_, claim)| claim.as_deref())
    }

    /// Whether the template, filled in from these claims, is `name`. A claim that is missing, empty,
    /// or neither a text nor a whole number fits nothing.
    fn is(&self, identity: &Identity, name: &str) -> bool {
        let mut rest = name;
        for (text, pointer) in &self.parts {
            let Some(behind) = rest.strip_prefix(text.as_str()) else {
                return false;
            };
            rest = behind;
            let Some(pointer) = pointer else {
                continue;
            };
            let value = match identity.claim(pointer) {
                Some(Value::String(text)) if !text.is_empty() => text.clone(),
                Some(Value::Number(number)) if number.is_i64() || number.is_u64() => {
                    number.to_string()
                }
                _ => return false,
            };
            let Some(behind) = rest.strip_prefix(value.as_str()) else {
                return false;
            };
            rest = behind;
        }
        rest.is_empty()
    }
}

/// Why a text is no grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// None of the words.
    #[error("says nothing that is known")]
    Unknown,
    /// `claim:` without a pointer.
    #[error("names no claim by a pointer")]
    Pointer,
    /// Braces that do not enclose one claim each.
    #[error("has braces that do not enclose a claim")]
    Braces,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity(claims: Value) -> Identity {
        Identity {
            user: None,
            claims,
            expires_unix_ms: None,
        }
    }

    fn allows(grant: &str, claims: Value, name: &str) -> bool {
        let grant = Grant::parse(grant).expect("a grant");
        grant.ruling(Some(&identity(claims)), name) == Ruling::Known(Verdict::Allow)
    }

    #[test]
    fn grant_prints_as_it_was_written() {
        for text in [
            "allow",
            "deny",
            "authenticated",
            "webhook",
            "claim:/a/b",
            "user.{sub}",
        ] {
            assert_eq!(Grant::parse(text).expect(text).to_string(), text);
        }
        for (text, error) in [
            ("", GrantError::Unknown),
            ("Allow", GrantError::Unknown),
            ("claim:", GrantError::Pointer),
            ("claim:channels", GrantError::Pointer),
            ("user.{", GrantError::Braces),
            ("user.{}", GrantError::Braces),
            ("user.}sub{", GrantError::Braces),
            ("user.{a{b}}", GrantError::Braces),
            ("}", GrantError::Braces),
        ] {
            assert_eq!(Grant::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn template_is_filled_with_claims_and_compared_whole() {
        let claims = json!({"sub": "u1", "n": 7, "org": {"id": "o"}, "empty": "", "f": 1.5,
            "list": ["u1"], "a/b": "slash", "star": "*"});
        for (template, name, expected) in [
            ("user.{sub}", "user.u1", true),
            ("user.{sub}", "user.u11", false),
            ("user.{sub}", "user.", false),
            ("user.{sub}", "user.{sub}", false),
            ("user.{sub}.x", "user.u1.x", true),
            ("{n}-{sub}", "7-u1", true),
            ("{/org/id}.all", "o.all", true),
            ("{a/b}", "slash", true),
            ("user.{star}", "user.*", true),
            ("user.{star}", "user.u1", false),
            ("user.{empty}", "user.", false),
            ("user.{missing}", "user.", false),
            ("user.{missing}", "user.null", false),
            ("user.{f}", "user.1.5", false),
            ("user.{list}", "user.u1", false),
            ("user.{org}", "user.o", false),
        ] {
            assert_eq!(
                allows(template, claims.clone(), name),
                expected,
                "{template} {name}"
            );
        }
        let nobody = Grant::parse("user.{sub}").expect("a grant");
        assert_eq!(nobody.ruling(None, "user.u1"), Ruling::Known(Verdict::Deny));
    }

    #[test]
    fn claim_lists_names_and_patterns() {
        let claims = json!({"ch": ["a", "b.*", 7, ""], "one": "x", "not": {"a": 1}});
        for (grant, name, expected) in [
            ("claim:/ch", "a", true),
            ("claim:/ch", "b.1", true),
            ("claim:/ch", "b", false),
            ("claim:/ch", "7", false),
            ("claim:/ch", "", false),
            ("claim:/ch/0", "a", true),
            ("claim:/one", "x", true),
            ("claim:/not", "a", false),
            ("claim:/none", "a", false),
        ] {
            assert_eq!(
                allows(grant, claims.clone(), name),
                expected,
                "{grant} {name}"
            );
        }
    }

    #[test]
    fn who_is_nobody_has_no_more_than_everybody() {
        for (grant, ruling) in [
            ("allow", Ruling::Known(Verdict::Allow)),
            ("deny", Ruling::Known(Verdict::Deny)),
            ("authenticated", Ruling::Known(Verdict::Deny)),
            ("claim:/ch", Ruling::Known(Verdict::Deny)),
            ("webhook", Ruling::Ask),
        ] {
            assert_eq!(Grant::parse(grant).expect(grant).ruling(None, "a"), ruling);
        }
        assert!(allows("authenticated", json!({}), "a"));
    }
}
