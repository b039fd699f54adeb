"""The customer endpoints as a team would write them with FastAPI and SQLAlchemy: an API key checked at every request,
Pydantic for the payload, an ORM with a session per request, unique constraints in the database. It writes no audit trail,
knows no Idempotency-Key and no ISO 3166-2, reports the first conflict only: all of that is less work than Tenantry does.

    PEER_DATABASE=sqlite:////tmp/peer.db PEER_KEY=… uvicorn main:app --workers 2 --no-access-log
"""

import hashlib
import hmac
import os
import re
import secrets
from datetime import datetime, timezone
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from pydantic import BaseModel, Field, field_validator, model_validator
from sqlalchemy import ForeignKey, String, UniqueConstraint, create_engine, event, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload, sessionmaker

URL = os.environ["PEER_DATABASE"]
SQLITE = URL.startswith("sqlite")
# A pool for each of the two workers; threads of theirs wait for a place in it.
engine = create_engine(URL, pool_size=20, max_overflow=20, **({"connect_args": {"timeout": 30}} if SQLITE else {}))
Sessions = sessionmaker(engine, expire_on_commit=False)

if SQLITE:

    @event.listens_for(engine, "connect")
    def _settings(connection, _):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")


class Base(DeclarativeBase):
    pass


class Partner(Base):
    __tablename__ = "partners"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String, unique=True)


class ApiKey(Base):
    __tablename__ = "api_keys"
    sha256: Mapped[str] = mapped_column(String, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partners.id"))
    role: Mapped[str] = mapped_column(String)


class Customer(Base):
    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("partner_id", "name_key"), UniqueConstraint("partner_id", "azure_customer_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey("partners.id"))
    name: Mapped[str] = mapped_column(String)
    name_key: Mapped[str] = mapped_column(String)
    azure_customer_id: Mapped[str | None] = mapped_column(String)
    street1: Mapped[str | None] = mapped_column(String)
    street2: Mapped[str | None] = mapped_column(String)
    city: Mapped[str | None] = mapped_column(String)
    state: Mapped[str | None] = mapped_column(String)
    zipcode: Mapped[str | None] = mapped_column(String)
    country: Mapped[str | None] = mapped_column(String)
    classification: Mapped[str] = mapped_column(String)
    trial_expiration_date: Mapped[datetime | None]
    billing_contact: Mapped[str | None] = mapped_column(String)
    margin_percentage: Mapped[str] = mapped_column(String)
    billing_enabled: Mapped[bool]
    billing_folder: Mapped[str] = mapped_column(String)
    generated_external_id: Mapped[str] = mapped_column(String, unique=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    tags: Mapped[list["Tag"]] = relationship(order_by="Tag.position", cascade="all, delete-orphan")


class Tag(Base):
    __tablename__ = "customer_tags"
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String)
    value: Mapped[str] = mapped_column(String)


Text = Annotated[str, Field(min_length=1, max_length=255)]
US_STATES = set(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC "
    "SD TN TX UT VT VA WA WV WI WY DC".split()
)


class AddressIn(BaseModel):
    street1: Text
    street2: str | None = None
    city: Text
    state: Text
    zipcode: Annotated[str, Field(pattern=r"^[A-Za-z0-9 -]{1,16}$")]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]

    @model_validator(mode="after")
    def _american(self):
        if self.country == "US":
            if self.state not in US_STATES:
                raise ValueError("state must be a USPS abbreviation")
            if not re.fullmatch(r"\d{5}(-\d{4})?", self.zipcode):
                raise ValueError("zipcode must be 12345 or 12345-6789")
        return self


class TagIn(BaseModel):
    key: Annotated[str, Field(min_length=1, max_length=128)]
    value: Annotated[str, Field(max_length=256)]


class BillingIn(BaseModel):
    enabled: bool
    folder: Annotated[str, Field(max_length=512)] = ""


class CustomerIn(BaseModel):
    name: Text
    azure_customer_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = None
    address: AddressIn | None = None
    classification: Literal["managed_without_access", "managed_with_access"] = "managed_without_access"
    trial_expiration_date: datetime | None = None
    billing_contact: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    margin_percentage: Annotated[float, Field(ge=0, lt=100)] = 0.0
    partner_billing_configuration: BillingIn = BillingIn(enabled=False)
    tags: Annotated[list[TagIn], Field(max_length=20)] = []

    @field_validator("tags")
    @classmethod
    def _no_two_alike(cls, tags: list[TagIn]):
        if len({tag.key for tag in tags}) < len(tags):
            raise ValueError("two tags have the same key")
        return tags

    @model_validator(mode="after")
    def _one_of_both(self):
        if (self.address is None) == (self.azure_customer_id is None):
            raise ValueError("either address or azure_customer_id is needed")
        if self.trial_expiration_date and self.trial_expiration_date <= datetime.now(timezone.utc):
            raise ValueError("trial_expiration_date must be in the future")
        return self


def answer(c: Customer) -> dict:
    address = {f: getattr(c, f) for f in ("street1", "street2", "city", "state", "zipcode", "country") if getattr(c, f)}
    return {
        "id": c.id,
        "name": c.name,
        "azure_customer_id": c.azure_customer_id,
        "address": address or None,
        "classification": c.classification,
        "trial_expiration_date": c.trial_expiration_date,
        "billing_contact": c.billing_contact,
        "margin_percentage": float(c.margin_percentage),
        "partner_billing_configuration": {"enabled": c.billing_enabled, "folder": c.billing_folder},
        "generated_external_id": c.generated_external_id,
        "created_at": c.created_at,
        "updated_at": c.updated_at,
        "tags": [{"key": t.key, "value": t.value} for t in c.tags],
        "_links": {"self": {"href": f"/v1/customers/{c.id}"}},
    }


def session():
    with Sessions() as s:
        yield s


Db = Annotated[Session, Depends(session)]


def caller(db: Db, authorization: Annotated[str, Header()] = "") -> ApiKey:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    key = db.get(ApiKey, digest)
    if key is None or not hmac.compare_digest(key.sha256, digest):
        raise HTTPException(401, "unknown key", {"WWW-Authenticate": "Bearer"})
    return key


Caller = Annotated[ApiKey, Depends(caller)]
app = FastAPI()


@app.post("/v2/customers", status_code=201)
def create(body: CustomerIn, key: Caller, db: Db, response: Response):
    now = datetime.now(timezone.utc).replace(microsecond=0)
    customer = Customer(
        partner_id=key.partner_id,
        name=body.name.strip(),
        name_key=" ".join(body.name.casefold().split()),
        azure_customer_id=body.azure_customer_id,
        classification=body.classification,
        trial_expiration_date=body.trial_expiration_date,
        billing_contact=body.billing_contact,
        margin_percentage=str(body.margin_percentage),
        billing_enabled=body.partner_billing_configuration.enabled,
        billing_folder=body.partner_billing_configuration.folder,
        generated_external_id=secrets.token_hex(6),
        created_at=now,
        updated_at=now,
        tags=[Tag(position=i, key=t.key, value=t.value) for i, t in enumerate(body.tags)],
        **(body.address.model_dump() if body.address else {}),
    )
    db.add(customer)
    try:
        db.commit()
    except IntegrityError:
        db.rollback()
        raise HTTPException(422, "name or azure_customer_id has already been taken")
    response.headers["Location"] = f"/v1/customers/{customer.id}"
    return answer(customer)


@app.get("/v2/customers/{id}")
def show(id: int, key: Caller, db: Db):
    customer = db.scalar(
        select(Customer).where(Customer.partner_id == key.partner_id, Customer.id == id).options(selectinload(Customer.tags))
    )
    if customer is None:
        raise HTTPException(404, "not found")
    return answer(customer)


@app.get("/v2/customers")
def index(key: Caller, db: Db, response: Response, page: int = 1, per_page: Annotated[int, Query(le=100)] = 30):
    mine = Customer.partner_id == key.partner_id
    total = db.scalar(select(func.count()).select_from(Customer).where(mine))
    found = db.scalars(
        select(Customer)
        .where(mine)
        .order_by(Customer.id)
        .limit(per_page)
        .offset((page - 1) * per_page)
        .options(selectinload(Customer.tags))
    )
    response.headers["X-Total"] = str(total)
    return {"customers": [answer(c) for c in found]}


if __name__ == "__main__":
    # Makes the tables and the key in PEER_KEY.
    Base.metadata.create_all(engine)
    with Sessions.begin() as s:
        s.add(Partner(id=1, name="default"))
        s.flush()
        s.add(ApiKey(sha256=hashlib.sha256(os.environ["PEER_KEY"].encode()).hexdigest(), partner_id=1, role="admin"))
