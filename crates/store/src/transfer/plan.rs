//! Tables and columns of a schema version, derived from the migrations, so that no separate list is maintained.

use super::last_ids::Counted;
use super::tally::{Tally, Value};
use crate::engine::migrate::{self, blueprint};
use crate::engine::value::{Arg, Row, args};
use crate::engine::{Conn, Tx};
use crate::{Db, Error, Scope};
use std::sync::Arc;

/// Number of rows read at a time and written in one transaction.
const PAGE: usize = 1000;
/// Number of rows above which a table is analyzed for PostgreSQL's planner.
const LARGE: u64 = 1000;
/// Maximum number of values in an `INSERT`; SQLite allows 32,766.
const MAX_VALUES: usize = 16_000;
/// Tables that are no data: the engine makes the first two, the next two are what PostgreSQL has sequences for, and the index of
/// names is made from the customers.
const NOT_DATA: [&str; 7] = [
    "schema_migrations",
    "schema_compatibility",
    "sequences",
    "id_sequences",
    "customer_name_grams",
    "customer_name_blocks",
    "customer_name_changes",
];

pub(super) struct Plan {
    pub(super) version: usize,
    /// A table comes after those that it refers to.
    pub(super) tables: Vec<Arc<Table>>,
    /// Owner of the id sequences.
    pub(super) counted: Counted,
}

pub(super) struct Table {
    pub(super) name: String,
    columns: Vec<(String, ColumnType)>,
    /// Columns of the primary key, by position.
    key: Vec<usize>,
}

#[derive(Clone, Copy)]
enum ColumnType {
    Int,
    Bool,
    Text,
}

impl Plan {
    pub(super) async fn at(version: usize) -> Result<Self, Error> {
        let mut schema = blueprint(version)?;
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut names = schema.all(sql, args![], |row| row.next::<String>()).await?;
        names.retain(|name| !NOT_DATA.contains(&name.as_str()));
        let mut waiting = Vec::new();
        for name in names {
            let sql = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list($1) WHERE \"table\" <> $1";
            let parents = schema.all(sql, args![&name], |row| row.next::<String>()).await?;
            waiting.push((Table::of(&mut schema, name).await?, parents));
        }
        let mut tables: Vec<Arc<Table>> = Vec::new();
        while !waiting.is_empty() {
            let there = |name: &String| tables.iter().any(|table| table.name == *name);
            let (ready, rest): (Vec<_>, _) =
                waiting.into_iter().partition(|(_, parents)| parents.iter().all(there));
            if ready.is_empty() {
                return Err(Error::defect("tables refer to each other in a circle"));
            }
            tables.extend(ready.into_iter().map(|(table, _)| Arc::new(table)));
            waiting = rest;
        }
        let counted = if schema.has_table("id_sequences").await? {
            Counted::ByPartner
        } else if schema.has_table("sequences").await? {
            Counted::ByServer
        } else {
            Counted::Never
        };
        Ok(Plan { version, tables, counted })
    }

    /// The plan of a database that is there.
    pub(super) async fn of(source: &mut Tx, what: &str) -> Result<Self, Error> {
        let version = migrate::version(source).await?;
        let version = version.ok_or_else(|| Error::Unfit(format!("{what} holds no data of Tenantry")))?;
        if source.has_table(migrate::UNFINISHED).await? {
            let advice = "holds an unfinished copy or restore: run that command again to its end first";
            return Err(Error::Unfit(format!("{what} {advice}")));
        }
        Plan::at(version).await
    }

    pub(super) async fn count(&self, tx: &mut Tx) -> Result<u64, Error> {
        let mut total = 0;
        for table in &self.tables {
            total += table.count(tx).await?;
        }
        Ok(total)
    }
}

/// Have PostgreSQL look at large tables now rather than a minute later: until then it reads all of them for a page of a
/// list. Small ones it has to know nothing of: what it knows to be empty it searches row by row, also once it is not.
pub(super) async fn analyze(target: &Db, written: &Tally) -> Result<(), Error> {
    let large = written.tables.iter().filter(|table| table.rows > LARGE);
    let large: Vec<String> = large.map(|table| table.table.clone()).collect();
    target
        .write(Scope::System, large.join(", "), |large, tx| {
            Box::pin(async move {
                if matches!(tx.conn, Conn::Postgres(_)) && !large.is_empty() {
                    tx.execute(&format!("ANALYZE {large}"), args![]).await?;
                }
                Ok(())
            })
        })
        .await
}

impl Table {
    async fn of(schema: &mut Tx, name: String) -> Result<Self, Error> {
        let sql = "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid";
        let read = |row: &mut Row<'_>| {
            let (column, declared, key) = (row.next::<String>()?, row.next::<String>()?, row.next::<i64>()?);
            let kind = match declared.as_str() {
                "BIGINT" | "INTEGER" => ColumnType::Int,
                "BOOLEAN" => ColumnType::Bool,
                "TEXT" => ColumnType::Text,
                other => return Err(Error::Defect(format!("{name}.{column} is of a type {other}"))),
            };
            Ok((column, kind, key))
        };
        let found = schema.all(sql, args![&name], read).await?;
        let mut key: Vec<(i64, usize)> = found
            .iter()
            .enumerate()
            .filter(|(_, (_, _, pk))| *pk > 0)
            .map(|(i, (_, _, pk))| (*pk, i))
            .collect();
        key.sort_unstable();
        if key.is_empty() {
            return Err(Error::Defect(format!("the table {name} has no primary key")));
        }
        let columns = found.into_iter().map(|(column, kind, _)| (column, kind)).collect();
        Ok(Table { name, columns, key: key.into_iter().map(|(_, i)| i).collect() })
    }

    pub(super) async fn count(&self, tx: &mut Tx) -> Result<u64, Error> {
        let sql = format!("SELECT COUNT(*) FROM {}", quoted(&self.name));
        let count = tx.first(&sql, args![], |row| row.next::<i64>()).await?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    /// The next rows in the order of the primary key, behind `last`.
    pub(super) async fn page(
        &self,
        tx: &mut Tx,
        last: Option<&Vec<Value>>,
    ) -> Result<Vec<Vec<Value>>, Error> {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        let key = self.key.iter().map(|&i| names[i].as_str()).collect::<Vec<_>>().join(", ");
        let behind =
            last.map_or_else(String::new, |_| format!("WHERE ({key}) > ({})", places(1, self.key.len())));
        let sql = format!(
            "SELECT {} FROM {} {behind} ORDER BY {key} LIMIT {PAGE}",
            names.join(", "),
            quoted(&self.name)
        );
        let args: Vec<Arg<'_>> = last
            .map_or_else(Vec::new, |row| self.key.iter().map(|&i| self.columns[i].1.arg(&row[i])).collect());
        tx.all(&sql, &args, |row| self.columns.iter().map(|(_, kind)| kind.read(row)).collect()).await
    }

    /// Add rows.
    pub(super) async fn insert(self: &Arc<Self>, target: &Db, rows: Vec<Vec<Value>>) -> Result<(), Error> {
        target
            .write(Scope::System, (Arc::clone(self), rows), |(table, rows), tx| {
                Box::pin(async move {
                    let width = table.columns.len();
                    for rows in rows.chunks((MAX_VALUES / width).max(1)) {
                        let names: Vec<String> = table.columns.iter().map(|(name, _)| quoted(name)).collect();
                        let lines: Vec<String> =
                            (0..rows.len()).map(|i| format!("({})", places(1 + i * width, width))).collect();
                        let (name, names, lines) = (quoted(&table.name), names.join(", "), lines.join(", "));
                        let sql = format!("INSERT INTO {name} ({names}) VALUES {lines}");
                        let kinds = table.columns.iter().map(|(_, kind)| kind);
                        let args: Vec<Arg<'_>> = rows
                            .iter()
                            .flat_map(|row| kinds.clone().zip(row).map(|(kind, value)| kind.arg(value)))
                            .collect();
                        tx.execute(&sql, &args).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    #[cfg(test)]
    pub(super) fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|(column, _)| format!("{}.{column}", self.name)).collect()
    }

    pub(super) async fn clear(&self, tx: &mut Tx) -> Result<(), Error> {
        tx.execute(&format!("DELETE FROM {}", quoted(&self.name)), args![]).await.map(drop)
    }
}

impl ColumnType {
    fn read(self, row: &mut Row<'_>) -> Result<Value, Error> {
        Ok(match self {
            ColumnType::Int => row.next::<Option<i64>>()?.map_or(Value::Null, Value::Int),
            ColumnType::Bool => {
                row.next::<Option<bool>>()?.map_or(Value::Null, |truth| Value::Int(truth.into()))
            }
            ColumnType::Text => row.next::<Option<String>>()?.map_or(Value::Null, Value::Text),
        })
    }

    fn arg(self, value: &Value) -> Arg<'_> {
        match (self, value) {
            (ColumnType::Bool, Value::Int(truth)) => Arg::Bool(*truth != 0),
            (_, Value::Int(number)) => Arg::Int(Some(*number)),
            (_, Value::Text(text)) => Arg::Text(Some(text)),
            (_, Value::Null) => Arg::Text(None),
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// `$4, $5, $6`
fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|i| format!("${i}")).collect::<Vec<_>>().join(", ")
}
