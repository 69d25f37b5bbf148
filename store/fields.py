"""Column types and checks that Django does not have. One migration serves every tier: the alias says which it is."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

if TYPE_CHECKING:  # the stubs make Field generic, Django does not
    _Numeric = models.Field[Decimal, Decimal]
    _Embedding = models.Field[Sequence[float], list[float] | None]
else:
    _Numeric = _Embedding = models.Field

FLAG = "MOSAIC"  # key of our own in the alias's settings


def has_vector(connection: BaseDatabaseWrapper) -> bool:
    """Say whether this alias was configured with `enableVector`."""
    return bool(connection.settings_dict.get(FLAG, {}).get("enable_vector"))


class NumericField(_Numeric):
    """`numeric` without a limit: Django's DecimalField would round a long position."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "numeric"

    def to_python(self, value: Any) -> Decimal | None:
        return value if value is None or isinstance(value, Decimal) else Decimal(str(value))

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value if hasattr(value, "resolve_expression") else self.to_python(value)


class EmbeddingField(_Embedding):
    """An embedding of any dimension: `vector` on the federated tier, `real[]` elsewhere. Needs no vector library."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "vector" if has_vector(connection) else "real[]"

    def get_placeholder(self, value: Any, compiler: Any, connection: BaseDatabaseWrapper) -> str:
        return f"%s::{self.db_type(connection)}"

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        numbers = [float(number) for number in value]
        return str(numbers) if has_vector(connection) else numbers

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> list[float] | None:
        if isinstance(value, str):  # the text form of `vector`: [1,2.5]
            return [float(number) for number in value.strip("[]").split(",")]
        return None if value is None else [float(number) for number in value]


class Check(models.BaseConstraint):
    """A CHECK in SQL; `vector_sql` takes its place where embeddings are `vector`."""

    def __init__(self, *, name: str, sql: str, vector_sql: str = "") -> None:
        super().__init__(name=name)
        self.sql = sql
        self.vector_sql = vector_sql

    def _sql_for(self, schema_editor: BaseDatabaseSchemaEditor) -> str:
        is_vector = self.vector_sql and has_vector(schema_editor.connection)
        return (self.vector_sql if is_vector else self.sql).replace("%", "%%")

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        text: str = schema_editor._check_sql(self.name, self._sql_for(schema_editor))
        return text

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        return schema_editor._create_check_sql(model, self.name, self._sql_for(schema_editor))

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        return schema_editor._delete_check_sql(model, self.name)

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Leave it to the database: it sees the row as it will be stored."""

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        kwargs = {"name": self.name, "sql": self.sql}
        return path, tuple(args), {**kwargs, "vector_sql": self.vector_sql} if self.vector_sql else kwargs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Check) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash((self.name, self.sql, self.vector_sql))


def one_of(table: str, column: str, values: Sequence[str]) -> Check:
    """Return the CHECK of an enumerated column, named `<table>_<column>_known`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return Check(name=f"{table}_{column}_known", sql=f"{column} IN ({listed})")


def json_object(table: str, column: str) -> Check:
    """Return the CHECK that a jsonb column holds an object."""
    return Check(name=f"{table}_{column}_object", sql=f"jsonb_typeof({column}) = 'object'")
