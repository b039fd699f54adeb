//! The columns of Microsoft's files, and which of them a customer may see.
//!
//! Sources: learn.microsoft.com/partner-center/billing, "Read the invoice reconciliation file" and "Read daily rated usage
//! reconciliation files".

/// What a file lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// All of new commerce: licences, one-time purchases, reservations; usage in sums.
    Reconciliation,
    /// Azure plan: daily rated usage.
    Usage,
}

/// A column by its name in Microsoft's CSV files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Other names for it that have been seen, beside its own in any case.
    pub(crate) aliases: &'static [&'static str],
    /// Whether a customer may see it.
    pub(crate) shown: bool,
}

/// The names of columns that hold a fraction, where the older name holds a percentage: 0.15 for 15.
pub(crate) const EARNED_CREDIT_RATE: &str = "RateOfPartnerEarnedCredit";
pub(crate) const CREDIT_RATE: &str = "RateOfCredit";

/// A column that a bill shows.
const fn shown(name: &'static str) -> Column {
    Column { name, aliases: &[], shown: true }
}

/// A column that would give away the partner's cost, margin or earned credit, or that holds free text, which may say any of
/// that. What a line costs, in whatever unit or currency and with whatever tax; the exchange rates and promotions
/// behind that; the credits that Microsoft grants the partner, and which benefit (a reservation, a savings plan) covers a
/// line, because then its cost is nothing. Microsoft's invoice is the partner's: the customer has the number of its statement.
const fn hidden(name: &'static str) -> Column {
    Column { name, aliases: &[], shown: false }
}

const fn alias(column: Column, aliases: &'static [&'static str]) -> Column {
    Column { aliases, ..column }
}

pub(crate) const RECONCILIATION: [Column; 46] = [
    shown("PartnerId"),
    shown("CustomerId"),
    shown("CustomerName"),
    shown("CustomerDomainName"),
    shown("CustomerCountry"),
    hidden("InvoiceNumber"),
    shown("MpnId"),
    alias(shown("ResellerMpnId"), &["Tier2MpnId"]),
    shown("OrderId"),
    shown("OrderDate"),
    shown("ProductId"),
    shown("SkuId"),
    shown("AvailabilityId"),
    shown("SkuName"),
    shown("ProductName"),
    shown("ChargeType"),
    hidden("UnitPrice"),
    shown("Quantity"),
    hidden("Subtotal"),
    hidden("TaxTotal"),
    alias(hidden("Total"), &["TotalForCustomer"]),
    alias(hidden("Currency"), &["BillingCurrency"]),
    hidden("PriceAdjustmentDescription"),
    shown("PublisherName"),
    shown("PublisherId"),
    shown("SubscriptionDescription"),
    shown("SubscriptionId"),
    shown("ChargeStartDate"),
    shown("ChargeEndDate"),
    shown("TermAndBillingCycle"),
    hidden("EffectiveUnitPrice"),
    shown("UnitType"),
    shown("AlternateId"),
    shown("BillableQuantity"),
    shown("BillingFrequency"),
    hidden("PricingCurrency"),
    hidden("PCToBCExchangeRate"),
    hidden("PCToBCExchangeRateDate"),
    shown("MeterDescription"),
    shown("ReservationOrderId"),
    hidden("CreditReasonCode"),
    shown("SubscriptionStartDate"),
    shown("SubscriptionEndDate"),
    shown("ReferenceId"),
    shown("ProductQualifiers"),
    hidden("PromotionId"),
];

pub(crate) const USAGE: [Column; 55] = [
    shown("PartnerId"),
    shown("PartnerName"),
    shown("CustomerId"),
    shown("CustomerName"),
    shown("CustomerDomainName"),
    shown("CustomerCountry"),
    shown("MpnId"),
    alias(shown("Tier2MpnId"), &["ResellerMpnId"]),
    hidden("InvoiceNumber"),
    shown("ProductId"),
    shown("SkuId"),
    shown("AvailabilityId"),
    shown("SkuName"),
    shown("ProductName"),
    shown("PublisherName"),
    shown("PublisherId"),
    shown("SubscriptionDescription"),
    shown("SubscriptionId"),
    shown("ChargeStartDate"),
    shown("ChargeEndDate"),
    shown("UsageDate"),
    shown("MeterType"),
    shown("MeterCategory"),
    shown("MeterId"),
    shown("MeterSubCategory"),
    shown("MeterName"),
    shown("MeterRegion"),
    alias(shown("Unit"), &["UnitOfMeasure"]),
    shown("ResourceLocation"),
    shown("ConsumedService"),
    shown("ResourceGroup"),
    shown("ResourceURI"),
    shown("ChargeType"),
    hidden("UnitPrice"),
    shown("Quantity"),
    shown("UnitType"),
    hidden("BillingPreTaxTotal"),
    hidden("BillingCurrency"),
    hidden("PricingPreTaxTotal"),
    hidden("PricingCurrency"),
    hidden("ServiceInfo1"),
    hidden("ServiceInfo2"),
    shown("Tags"),
    hidden("AdditionalInfo"),
    hidden("EffectiveUnitPrice"),
    hidden("PCToBCExchangeRate"),
    hidden("PCToBCExchangeRateDate"),
    shown("EntitlementId"),
    shown("EntitlementDescription"),
    alias(hidden("PartnerEarnedCreditPercentage"), &[EARNED_CREDIT_RATE]),
    alias(hidden("CreditPercentage"), &[CREDIT_RATE]),
    hidden("CreditType"),
    hidden("BenefitOrderId"),
    hidden("BenefitId"),
    hidden("BenefitType"),
];

/// The columns of a charged line that its file does not have. The unit price is the charge by the billable quantity, or by the
/// quantity where there is none.
pub(crate) const CHARGE_UNIT_PRICE: &str = "ChargeUnitPrice";
pub(crate) const CHARGE: &str = "Charge";
pub(crate) const CHARGE_CURRENCY: &str = "ChargeCurrency";

/// What the engine needs of a line, whatever the file calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Role {
    CustomerId,
    CustomerName,
    Invoice,
    Publisher,
    ProductId,
    SkuId,
    ChargeType,
    MeterCategory,
    ProductName,
    SubscriptionId,
    SubscriptionName,
    UsageDate,
    ChargeStart,
    ChargeEnd,
    OrderId,
    MeterId,
    /// What the usage is of, by Azure's path.
    Resource,
    /// What has been consumed or bought.
    Quantity,
    /// The quantity that Microsoft's formula multiplies with: pro rata, and signed.
    BillableQuantity,
    UnitPrice,
    EffectiveUnitPrice,
    ExchangeRate,
    EarnedCredit,
    /// The Azure credit that Microsoft has applied.
    AzureCredit,
    /// Free text, which names the earned credit of usage in a reconciliation.
    PriceAdjustment,
    /// What usage in a reconciliation is of.
    MeterDescription,
    Promotion,
    PricingCurrency,
    Term,
    /// The money column.
    Cost,
    Tax,
    Total,
    Currency,
}

/// How many roles there are.
pub(crate) const ROLES: usize = Role::Currency as usize + 1;

impl Kind {
    /// All columns, in the order of Microsoft's documentation.
    pub(crate) fn columns(self) -> &'static [Column] {
        match self {
            Kind::Reconciliation => &RECONCILIATION,
            Kind::Usage => &USAGE,
        }
    }

    /// Those that a bill shows, in the same order.
    pub(crate) fn shown(self) -> impl Iterator<Item = &'static str> {
        self.columns().iter().filter(|column| column.shown).map(|column| column.name)
    }

    /// Where a bill shows a column; none where it does not.
    pub(crate) fn shown_place(self, name: &str) -> Option<usize> {
        self.shown().position(|shown| shown == name)
    }

    /// The column that plays a role.
    pub(crate) fn column(self, role: Role) -> Option<usize> {
        let usage = self == Kind::Usage;
        let name = match role {
            Role::CustomerId => "CustomerId",
            Role::CustomerName => "CustomerName",
            Role::Invoice => "InvoiceNumber",
            Role::Publisher => "PublisherName",
            Role::ProductId => "ProductId",
            Role::SkuId => "SkuId",
            Role::ChargeType => "ChargeType",
            Role::MeterCategory => "MeterCategory",
            Role::ProductName => "ProductName",
            // Azure subscriptions are entitlements of an Azure plan, which is the subscription by name.
            Role::SubscriptionId if usage => "EntitlementId",
            Role::SubscriptionId => "SubscriptionId",
            Role::SubscriptionName if usage => "EntitlementDescription",
            Role::SubscriptionName => "SubscriptionDescription",
            Role::UsageDate => "UsageDate",
            Role::ChargeStart => "ChargeStartDate",
            Role::ChargeEnd => "ChargeEndDate",
            Role::OrderId => "OrderId",
            Role::MeterId => "MeterId",
            Role::Resource => "ResourceURI",
            Role::Quantity => "Quantity",
            Role::BillableQuantity => "BillableQuantity",
            Role::UnitPrice => "UnitPrice",
            Role::EffectiveUnitPrice => "EffectiveUnitPrice",
            Role::ExchangeRate => "PCToBCExchangeRate",
            Role::EarnedCredit => "PartnerEarnedCreditPercentage",
            Role::AzureCredit => "CreditPercentage",
            Role::PriceAdjustment => "PriceAdjustmentDescription",
            Role::MeterDescription => "MeterDescription",
            Role::Promotion => "PromotionId",
            Role::PricingCurrency => "PricingCurrency",
            Role::Term => "TermAndBillingCycle",
            Role::Cost if usage => "BillingPreTaxTotal",
            Role::Cost => "Subtotal",
            Role::Tax => "TaxTotal",
            Role::Total => "Total",
            Role::Currency if usage => "BillingCurrency",
            Role::Currency => "Currency",
        };
        self.columns().iter().position(|column| column.name == name)
    }

    /// Whether a column holds numbers: what is one needs no protection from spreadsheets.
    pub(crate) fn is_number(self, column: usize) -> bool {
        matches!(self.columns()[column].name, "Quantity" | "BillableQuantity")
    }

    /// What people call such files.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Kind::Reconciliation => "a reconciliation file",
            Kind::Usage => "a daily rated usage file",
        }
    }
}
