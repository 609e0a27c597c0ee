//! Words on the screens, from the two Fluent files. Texts of recipes, rules and refusals are not here: they come from
//! the record in both languages.

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use mes_core::quantity::{Bilingual, Language};

static JA: LazyLock<FluentBundle<FluentResource>> =
    LazyLock::new(|| bundle("ja", include_str!("../../locales/ja.ftl")));
static EN: LazyLock<FluentBundle<FluentResource>> =
    LazyLock::new(|| bundle("en", include_str!("../../locales/en.ftl")));

fn bundle(name: &str, text: &str) -> FluentBundle<FluentResource> {
    let language = name.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(resource, errors)| {
        tracing::error!(locale = name, ?errors, "a locale file has lines that cannot be read");
        resource
    });
    bundle.add_resource_overriding(resource);
    bundle
}

/// The words of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Language);

impl Words {
    /// The text under a key. A missing one shows its key between brackets; a test keeps that from happening.
    pub(crate) fn t(self, key: &str) -> String {
        self.find(key, None).unwrap_or_else(|| format!("⟦{key}⟧"))
    }
    /// The text under a key with one value.
    pub(crate) fn t1(self, key: &str, name: &str, value: impl ToString) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value.to_string());
        self.find(key, Some(&args)).unwrap_or_else(|| format!("⟦{key}⟧"))
    }
    /// The text under a key with two values.
    pub(crate) fn t2(self, key: &str, first: (&str, impl ToString), second: (&str, impl ToString)) -> String {
        let mut args = FluentArgs::new();
        args.set(first.0, first.1.to_string());
        args.set(second.0, second.1.to_string());
        self.find(key, Some(&args)).unwrap_or_else(|| format!("⟦{key}⟧"))
    }
    /// The text under a key, if there is one.
    pub(crate) fn maybe(self, key: &str) -> Option<String> {
        self.find(key, None)
    }
    /// A text that stands in both languages.
    pub(crate) fn b(self, text: &Bilingual) -> &str {
        text.get(self.0)
    }
    /// The language's code, as HTML writes it.
    pub(crate) fn code(self) -> &'static str {
        match self.0 {
            Language::Ja => "ja",
            Language::En => "en",
        }
    }
    /// The other language.
    pub(crate) fn other(self) -> Self {
        match self.0 {
            Language::Ja => Self(Language::En),
            Language::En => Self(Language::Ja),
        }
    }
    fn find(self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let bundle = match self.0 {
            Language::Ja => &*JA,
            Language::En => &*EN,
        };
        let pattern = bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        Some(bundle.format_pattern(pattern, args, &mut errors).into_owned())
    }
}
