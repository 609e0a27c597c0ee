//! README.md of a package: what it is, and how to verify it, also by hand.

use mes_core::journal::{Checkpoint, Hash};

use crate::{export::package::purpose_line, record::BatchRecord};

const TEXT: &str = include_str!("../../templates/package-readme.md");

/// The text for one package.
pub(crate) fn text(record: &BatchRecord, checkpoint: &Checkpoint, fingerprint: &Hash) -> String {
    let head = &record.head;
    let values = [
        ("{purpose}", purpose_line(head.purpose)),
        ("{batch}", head.batch.clone()),
        ("{lot}", head.lot.clone()),
        ("{product}", format!("{} {} / {}", head.product, head.product_name.ja, head.product_name.en)),
        ("{facility}", checkpoint.facility.clone()),
        ("{checkpoint}", format!("{} ({})", checkpoint.number, checkpoint.time)),
        ("{fingerprint}", fingerprint.to_string()),
    ];
    values.iter().fold(TEXT.to_owned(), |text, (name, value)| text.replace(name, value))
}
