# What reports of runs say, and what the automation waits for. English texts are those of the reports themselves; a text is chosen by the
# message's wording (`rating::Wording`). What has none is said in English. Counts choose the plural; sums come with their currency.

# Warnings: one for each code
report-empty-file = hat eine Kopfzeile und keine Posten
report-several-invoices = Die Posten gehören zu { $count } Rechnungen ({ $invoices }). Sie werden zusammen abgerechnet, und keine Abrechnung nennt eine Rechnung von Microsoft
report-equal-lines-in-export = { $lines ->
    [one] Ein Posten steht auch in { $other }
   *[other] { $lines } Posten stehen auch in { $other }
}: Was gleich ist, zählt zweimal
report-overlapping-files = { $lines ->
    [one] Ein Posten steht auch in { $other }
   *[other] { $lines } Posten stehen auch in { $other }
}: Was gleich ist, zählt zweimal
report-lines-of-other-months = { $lines } von { $all } Posten gehören nicht zu { $month }, sondern zu { $from }
report-lines-of-other-months-several = { $lines } von { $all } Posten gehören nicht zu { $month }, sondern zu { $from } bis { $until }
report-lines-without-invoice = { $lines ->
    [one] Ein Posten, der { $cost } kostet, hat keine Rechnungsnummer: Microsoft hat ihn noch nicht berechnet. Er lässt sich
   *[other] { $lines } Posten, die { $cost } kosten, haben keine Rechnungsnummer: Microsoft hat sie noch nicht berechnet. Sie lassen sich
} schätzen, aber nicht endgültig abrechnen
report-no-manifest = ist JSON Lines ohne das Manifest eines Exports: Ob alle Teile da sind, lässt sich nicht sagen
report-earned-credit-unknown = { $lines ->
    [one] Ein Posten Azure-Verbrauch, der { $cost } kostet, nennt seinen
   *[other] { $lines } Posten Azure-Verbrauch, die { $cost } kosten, nennen ihren
} Partner Earned Credit nicht, den der Partner behält: Er steht in den Spalten PartnerEarnedCreditPercentage oder rateOfPartnerEarnedCredit, oder in PriceAdjustmentDescription
report-earned-credit-mismatch = { $lines ->
    [one] Ein Posten, der { $cost } kostet, nennt
   *[other] { $lines } Posten, die { $cost } kosten, nennen
} einen Partner Earned Credit, der die Kosten nicht erklärt: Berechnet wird von den Kosten vor diesem Anteil
report-below-cost = { $lines ->
    [one] Ein Posten wird
   *[other] { $lines } Posten werden
} für weniger berechnet, als { $lines ->
    [one] er kostet
   *[other] sie kosten
}: { $charge } bei Kosten von { $cost }; { $customers ->
    [one] Kunde
   *[other] Kunden
} { $ids }. „Warum dieser Preis“ auf der Rechnung nennt die Regel
report-far-above-cost = { $lines ->
    [one] Ein Posten wird
   *[other] { $lines } Posten werden
} für mehr als das Fünffache der Kosten berechnet: { $charge } bei Kosten von { $cost }; { $customers ->
    [one] Kunde
   *[other] Kunden
} { $ids }. „Warum dieser Preis“ auf der Rechnung nennt die Regel
report-reissued-invoice = { $lines ->
    [one] Ein Posten von Kunde { $id }, der { $cost } kostet, gleicht einem endgültigen
   *[other] { $lines } Posten von Kunde { $id }, die { $cost } kosten, gleichen endgültigen
} von { $month } bis auf die Rechnungsnummer ({ $invoices })
report-usage-differs = Der Verbrauch { $groups ->
    [one] einer Gruppe von Posten
   *[other] von { $groups } Gruppen von Posten
} ist mehr als gerundet anders, als die Abstimmung sagt. Sie werden nach der Abstimmung berechnet, ohne ihre Tage. Die erste: Produkt { $product } (SKU { $sku }) von Tenant { $tenant } auf Rechnung { $invoice }, { $reconciliation } in der Abstimmung, { $usage } im Verbrauch
report-price-rule-unused = Die Preisregel „{ $rule }“ passt auf keinen Posten
report-price-rule-without-rate = Die Preisregel „{ $rule }“ passt auf { $lines ->
    [one] einen Posten, der { $cost } kostet, und hat ihm keinen Preis gegeben
   *[other] { $lines } Posten, die { $cost } kosten, und hat ihnen keinen Preis gegeben
}: Ihr Preis ist in einer Währung, aus der dem Lauf kein Kurs gegeben wurde. Berechnet wurde nach der nächsten passenden Regel oder der Marge des Kunden
report-price-rule-without-list-price = Die Preisregel „{ $rule }“ passt auf { $lines ->
    [one] einen Posten, der { $cost } kostet, und hat ihm keinen Preis gegeben
   *[other] { $lines } Posten, die { $cost } kosten, und hat ihnen keinen Preis gegeben
}: Die Preisliste hat keinen Listenpreis, oder im Preis steckt eine Aktion. Berechnet wurde nach der nächsten passenden Regel oder der Marge des Kunden
report-price-rule-without-price-sheet = Die Preisregel „{ $rule }“ passt auf { $lines ->
    [one] einen Posten, der { $cost } kostet, und hat ihm keinen Preis gegeben
   *[other] { $lines } Posten, die { $cost } kosten, und hat ihnen keinen Preis gegeben
}: Für den Monat gibt es keine Preisliste (tenantry price-sheet import). Berechnet wurde nach der nächsten passenden Regel oder der Marge des Kunden
report-price-rule-without-quantity = Die Preisregel „{ $rule }“ passt auf { $lines ->
    [one] einen Posten, der { $cost } kostet, und hat ihm keinen Preis gegeben
   *[other] { $lines } Posten, die { $cost } kosten, und hat ihnen keinen Preis gegeben
}: Eine Menge fehlt. Berechnet wurde nach der nächsten passenden Regel oder der Marge des Kunden
report-expected-total-mismatch = Die Dateien ergeben ohne Steuern { $cost }, erwartet: { $expected }. Fehlt eine Datei, oder ist eine doppelt angegeben?
report-unassigned = { $lines ->
    [one] Ein Posten, der { $cost } kostet, steht
   *[other] { $lines } Posten, die { $cost } kosten, stehen
} auf keiner Rechnung (Tenants ohne Kunden: { $without }; Tenants von Kunden, die nicht abgerechnet werden: { $off })
report-held-back = { $count ->
    [one] Die Rechnung von { $customers } wird zurückgehalten
   *[other] Die Rechnungen von { $customers } werden zurückgehalten
}
report-bill-gone = { $customer } ({ $id }) bekam im Monat davor { $charge } berechnet und hat jetzt keine Rechnung
report-folder-unwritable = Der Ordner dieses Kunden lässt sich nicht beschreiben: { $why }
report-facts-changed = Tenants, Marge, Abrechnungsschalter oder Ordner von { $customer }{ $others ->
    [0] {""}
    [one] {" "}und einem anderen Kunden
   *[other] {" "}und { $others } anderen Kunden
} haben sich für Tage im { $month } geändert, seit diese Rechnungen gemacht wurden: Rechnen Sie den Monat noch einmal ab
report-more = und { $count } weitere dieser Art

# Why bills are held back
report-held-lines = { $lines } Posten, wo höchstens { $max } durchgehen
report-held-amount = eine Summe von { $charge }, wo höchstens { $max } durchgehen
report-held-change = eine Summe von { $charge } nach { $previous } im Monat davor, wo eine Änderung um höchstens { $percent } % durchgeht
report-held-new = eine Summe von { $charge } ohne Rechnung im Monat davor, wo höchstens { $max } durchgehen
report-held-missing = { $missing } von { $all } Posten, die schon endgültig sind, fehlen unter diesen, und { $new } sind neu: Wurden abgerechnete Posten geändert, oder fehlen Dateien?
report-held-repeated = { $lines ->
    [one] ein Posten steht in zwei Dateien und würde
   *[other] { $lines } Posten stehen in zwei Dateien und würden
} zweimal berechnet
report-held-reissued = { $lines ->
    [one] ein Posten, der { $cost } kostet, ist
   *[other] { $lines } Posten, die { $cost } kosten, sind
} in { $month } unter einer anderen Rechnungsnummer endgültig ({ $invoices }): Wurde die Rechnung neu ausgestellt, und fehlt ihre Gutschrift?

# Why a run has failed
report-file-unreadable = ist nicht lesbar: { $why }
report-file-twice = ist zweimal angegeben
report-no-file = Es gibt keine Datei zu lesen
report-archive-incomplete = ist kein vollständiges ZIP-Archiv: { $why }
report-archive-empty = ist ein Archiv ohne Dateien
report-manifests = muss ein Manifest eines Exports von Microsoft Graph haben, eine JSON-Datei mit „blobs“; gefunden: { $count }
report-manifest-count = nennt { $listed } Teile im Manifest, das von { $count } spricht
report-manifest-empty = nennt keine Teile im Manifest
report-part-missing = steht im Manifest, ist aber nicht da
report-no-list-prices = hat keine Listenpreise (ERP Price)
report-invoice-missing = Kein Posten gehört zur Rechnung { $invoice }; die Dateien haben: { $known }
report-invoice-is-final = Die Rechnung { $invoice } ist in { $month } abgerechnet und endgültig: Rechnen Sie ihre Dateien in jenem Monat ab
report-only-other-months = Kein Posten gehört zu { $month }, sondern { $lines } zu { $from }. Rechnen Sie die Datei in dem Monat ab, zu dem sie gehört, oder akzeptieren Sie lines_of_other_months
report-only-other-months-several = Kein Posten gehört zu { $month }, sondern { $lines } zu { $from } bis { $until }. Rechnen Sie die Datei in dem Monat ab, zu dem sie gehört, oder akzeptieren Sie lines_of_other_months
report-both-kinds = hat { $lines } Posten ohne Rechnungsnummer, und { $numbered } Posten dieses Laufs stehen auf einer Rechnung: Was Microsoft noch nicht berechnet hat, kommt mit seiner Rechnung wieder. Rechnen Sie beides in eigenen Läufen ab
report-unnumbered-final = hat { $lines } Posten ohne Rechnungsnummer, die nicht endgültig werden können, denn Microsofts Rechnung hat sie noch einmal. Rechnen Sie ab, ohne endgültig zu machen, oder nehmen Sie die Dateien der Rechnung
report-earned-credit-refused = { $lines ->
    [one] Ein Posten Azure-Verbrauch, der { $cost } kostet, nennt seinen
   *[other] { $lines } Posten Azure-Verbrauch, die { $cost } kosten, nennen ihren
} Partner Earned Credit nicht, den der Partner behält. Nehmen Sie Dateien mit allen Spalten (attributeSet full), geben Sie den Anteil weiter, oder akzeptieren Sie earned_credit_unknown, um von den Kosten aus zu rechnen
report-counted-twice = { $lines ->
    [one] Der einzige Posten, der zählt, steht
   *[other] Alle { $lines } Posten, die zählen, stehen
} auch in { $other } und würden zweimal berechnet: Lassen Sie eine der beiden Dateien weg. Berechnet Microsoft beide, legen Sie die Posten in eine Datei
report-left-behind = Der Befehl, der an diesem Lauf gearbeitet hat, ist vorher zu Ende gegangen; starten Sie den Lauf noch einmal
report-internal = Interner Fehler; das Protokoll des Servers sagt mehr
report-not-final = Nichts wurde endgültig gemacht, denn eine Warnung spricht dagegen. Akzeptieren Sie { $code }, wenn es so gemeint ist
report-other-invoice = { $month } ist endgültig und wurde nicht aus der Rechnung { $invoice } abgerechnet: Gehört sie zu einem anderen Monat? Wenn ihre Posten { $month } berichtigen, akzeptieren Sie Korrekturen (--accept-corrections)
report-new-lines = { $month } ist endgültig, und neu darin { $lines ->
    [one] ist ein Posten
   *[other] sind { $lines } Posten
}: { $customers }. Wenn das den Monat berichtigt, akzeptieren Sie Korrekturen (--accept-corrections)
report-file-changed = hat sich geändert, seit dieser Lauf gemacht wurde: Starten Sie einen neuen Lauf, um abzurechnen, was jetzt darin steht

# What the automation waits for
report-wait-fetch = { $month } lässt sich nicht abrufen
report-wait-several-invoices = { $month }: Microsoft hat mehrere Rechnungen in { $currency }, darunter { $invoice }. Ob eine an die Stelle einer anderen tritt, muss ein Mensch entscheiden: Rechnen Sie den Monat aus denen ab, die gelten
report-wait-other-run = { $month }: Die letzten Rechnungen sind nicht die von Lauf { $run }. Rechnen Sie den Monat von Hand ab
report-wait-not-final = { $month } wird nicht endgültig
report-against-ties = Die Summen gehen nicht auf
report-against-invoice = Die Posten der Rechnung { $invoice } ergeben { $billed }, und Microsoft berechnet { $charged }
report-against-unassigned = { $cost } gehören zu keinem Kunden
report-against-held = { $count ->
    [one] Eine Rechnung wird
   *[other] { $count } Rechnungen werden
} zurückgehalten
report-against-errors = { $count ->
    [one] Eine Rechnung konnte
   *[other] { $count } Rechnungen konnten
} nicht geschrieben werden

# Why a fetch has failed
fetch-error-unreachable = Microsoft ist nicht erreichbar. Es wird von selbst wieder versucht
fetch-error-throttled = Microsoft begrenzt, wie oft gefragt werden darf. Es wird später wieder versucht
fetch-error-refused = Microsoft verweigert den Zugang. Prüfen Sie unter „Verzeichnis“, welche Berechtigung fehlt
fetch-error-mfa-required = Microsoft verlangt eine Anmeldung mit mehreren Faktoren (MFA). Geben Sie unter „Verzeichnis“ neue Zugangsdaten ein
fetch-error-invalid = Was Microsoft antwortet, ist nicht lesbar
fetch-error-start-over = Die Liste muss von Anfang an gelesen werden. Das geschieht von selbst
fetch-error-not-connected = Partner Center ist nicht verbunden. Der Betreiber dieses Servers verbindet es
fetch-error-no-invoice = Microsoft hat diese Rechnung nicht
fetch-error-no-data = Microsoft hat für diesen Monat keine Daten
fetch-error-export-failed = Der Export ist bei Microsoft fehlgeschlagen. Rufen Sie noch einmal ab
fetch-error-damaged = Was Microsoft geliefert hat, ist nicht vollständig. Rufen Sie noch einmal ab
fetch-error-export-timed-out = Microsoft ist mit dem Export nicht fertig geworden. Rufen Sie noch einmal ab
fetch-error-sources-shared = Der Ordner für abgerufene Dateien gehört einem anderen Server. Fragen Sie den Betreiber dieses Servers
fetch-error-store = Die Ablage für abgerufene Dateien antwortet nicht. Rufen Sie noch einmal ab
fetch-error-disk = Die Dateien ließen sich nicht speichern. Fragen Sie den Betreiber dieses Servers
fetch-error-cancelled = Der Befehl wurde unterbrochen; der nächste Abruf macht dort weiter
fetch-error-internal = Interner Fehler; das Protokoll des Servers sagt mehr
