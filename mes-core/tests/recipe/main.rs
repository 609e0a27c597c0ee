//! Recipes: the state table, expressions, the loader's errors, the shipped files and their schema.

#[cfg(test)]
#[cfg(feature = "engine")]
mod errors;
#[cfg(test)]
#[cfg(feature = "engine")]
mod expression;
#[cfg(test)]
#[cfg(feature = "engine")]
mod files;
#[cfg(test)]
#[cfg(feature = "engine")]
mod schema;
#[cfg(test)]
mod state;
