//! Parameters of statements and columns of rows, the same for both engines.

use crate::Error;

/// Whether a prepared statement is cached. Filters produce many long queries that are seldom repeated and would use much
/// memory.
pub(crate) fn is_kept(sql: &str) -> bool {
    /// In bytes.
    const MAX_KEPT_QUERY: usize = 2048;
    sql.len() <= MAX_KEPT_QUERY || !sql.starts_with("SELECT")
}

/// Value bound to `$1`, `$2`, … of a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arg<'a> {
    Text(Option<&'a str>),
    Int(Option<i64>),
    Bool(bool),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Arg::Text(Some(text))
    }
}
impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Arg::Text(Some(text))
    }
}
impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Arg::Text(text)
    }
}
impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Arg::Int(Some(number))
    }
}
impl From<Option<i64>> for Arg<'_> {
    fn from(number: Option<i64>) -> Self {
        Arg::Int(number)
    }
}
impl From<bool> for Arg<'_> {
    fn from(truth: bool) -> Self {
        Arg::Bool(truth)
    }
}

impl Arg<'_> {
    /// Owned copy, for a statement that is sent to PostgreSQL later.
    pub(crate) fn owned(&self) -> Box<dyn tokio_postgres::types::ToSql + Sync + Send> {
        match *self {
            Arg::Text(text) => Box::new(text.map(str::to_owned)),
            Arg::Int(number) => Box::new(number),
            Arg::Bool(truth) => Box::new(truth),
        }
    }
}

/// `args![partner, name]`: anything that converts, as a slice for `$1`, `$2`.
macro_rules! args {
    ($($value:expr),* $(,)?) => { &[$($crate::engine::value::Arg::from($value)),*] };
}
pub(crate) use args;

impl rusqlite::ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, Value, ValueRef};
        Ok(match *self {
            Arg::Text(Some(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Arg::Int(Some(number)) => ToSqlOutput::Owned(Value::Integer(number)),
            Arg::Bool(truth) => ToSqlOutput::Owned(Value::Integer(truth.into())),
            Arg::Text(None) | Arg::Int(None) => ToSqlOutput::Owned(Value::Null),
        })
    }
}

impl tokio_postgres::types::ToSql for Arg<'_> {
    fn to_sql(
        &self,
        ty: &tokio_postgres::types::Type,
        out: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Arg::Text(None) | Arg::Int(None) => Ok(tokio_postgres::types::IsNull::Yes), // NULL fits every type
            Arg::Text(Some(text)) => text.to_sql_checked(ty, out),
            Arg::Int(Some(number)) => number.to_sql_checked(ty, out),
            Arg::Bool(truth) => truth.to_sql_checked(ty, out),
        }
    }
    fn accepts(_: &tokio_postgres::types::Type) -> bool {
        true
    }
    tokio_postgres::types::to_sql_checked!();
}

/// Column type that both engines can read: `String`, `i64`, `bool` and their `Option`s.
pub(crate) trait Column:
    rusqlite::types::FromSql + for<'r> tokio_postgres::types::FromSql<'r>
{
}
impl<T: rusqlite::types::FromSql + for<'r> tokio_postgres::types::FromSql<'r>> Column for T {}

enum Source<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

/// Result row, read column by column in the order of the statement.
pub(crate) struct Row<'r> {
    source: Source<'r>,
    column: usize,
}

impl<'r> Row<'r> {
    pub(crate) fn sqlite(row: &'r rusqlite::Row<'r>) -> Self {
        Row { source: Source::Sqlite(row), column: 0 }
    }

    pub(crate) fn postgres(row: &'r tokio_postgres::Row) -> Self {
        Row { source: Source::Postgres(row), column: 0 }
    }

    /// The next column.
    pub(crate) fn next<T: Column>(&mut self) -> Result<T, Error> {
        let column = self.column;
        self.column += 1;
        match self.source {
            Source::Sqlite(row) => row.get(column).map_err(Error::from),
            Source::Postgres(row) => row.try_get(column).map_err(Error::from),
        }
    }

    /// The next column, a time.
    pub(crate) fn time(&mut self) -> Result<jiff::Timestamp, Error> {
        jiff::Timestamp::from_second(self.next()?).map_err(Error::defect)
    }
}
