//! A picture of the recorded state, so that a start need not replay everything. Discardable, never evidence: whenever it does not fit
//! this version of the software, the whole journal is replayed instead.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    access::Policies,
    engine::{Books, Engine, SOFTWARE},
    journal::{Salts, Sequencer},
};

/// The form of a snapshot; raised whenever the recorded state takes another form.
const SNAPSHOT_FORM: &str = "catapult-snapshot-4";

#[derive(Serialize)]
struct Written<'a> {
    form: &'static str,
    software: &'static str,
    books: &'a Books,
    sequencer: &'a Sequencer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    form: String,
    software: String,
    books: Books,
    sequencer: Sequencer,
}

/// Why a snapshot cannot be used. Replay the whole journal instead.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It does not have the form of a snapshot of this version.
    #[error("the snapshot cannot be read or written")]
    Form(#[from] serde_json::Error),
    /// It was made by another version.
    #[error("the snapshot was made by {0}; the whole journal is replayed instead")]
    Other(String),
}

impl Engine {
    /// The recorded state after the newest entry.
    ///
    /// # Errors
    /// A state that has no JSON form; none that entries can bring about.
    pub fn snapshot(&self) -> Result<Value, SnapshotError> {
        let written =
            Written { form: SNAPSHOT_FORM, software: SOFTWARE, books: self.books(), sequencer: self.sequencer() };
        Ok(serde_json::to_value(written)?)
    }

    /// An engine as it stood at a snapshot; the entries after it are then replayed.
    ///
    /// # Errors
    /// A snapshot of another version or form.
    pub fn restore(policies: Arc<Policies>, salts: Salts, snapshot: Value) -> Result<Self, SnapshotError> {
        let Read { form, software, books, sequencer } = serde_json::from_value(snapshot)?;
        if form != SNAPSHOT_FORM || software != SOFTWARE {
            return Err(SnapshotError::Other(format!("{software} ({form})")));
        }
        Ok(Self::at(policies, salts, books, sequencer))
    }
}

/// A map whose keys are no texts, as a list of pairs.
pub(super) mod pairs {
    use std::{collections::BTreeMap, sync::Arc};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &Arc<BTreeMap<K, V>>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_seq(map.iter())
    }

    pub(crate) fn deserialize<'de, K, V, D>(d: D) -> Result<Arc<BTreeMap<K, V>>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Arc::new(Vec::<(K, V)>::deserialize(d)?.into_iter().collect()))
    }
}
