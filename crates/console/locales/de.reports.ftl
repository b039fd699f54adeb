# What reports of runs say, and what the automation waits for. English texts are those of the reports themselves; a text is chosen by the
# message's wording (`rating::Wording`). What has none is said in English. Counts choose the plural; sums come with their currency.

# What a run can read
-wanted = Gebraucht wird Microsofts Abstimmung (Reconciliation) oder der tägliche bewertete Verbrauch (daily rated usage) als CSV, unverpackt, als .gz oder .zip, oder der Ordner eines Exports von Microsoft Graph mit seinem Manifest

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
}: Für den Monat gibt es keine Preisliste (tenantry admin price-sheet import). Berechnet wurde nach der nächsten passenden Regel oder der Marge des Kunden
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


# What is wrong with a file's cells and lines
report-no-number = „{ $given }“ ist keine Zahl wie -1234.56 oder 1.5E-05 (mit Punkt, ohne Tausenderzeichen)
report-too-fine = „{ $given }“ hat mehr als 36 Nachkommastellen
report-too-large = „{ $given }“ ist größer als jeder Betrag
report-larger-than-any-item = „{ $given }“ ist größer als jeder Posten
report-no-cost = ist leer, und hier müssen die Kosten des Postens stehen
report-no-currency = „{ $given }“ ist kein Währungscode nach ISO 4217 wie EUR
report-no-date = „{ $given }“ ist kein Datum wie 2026-10-01, 2026-10-01T00:00:00Z oder 10/1/2026 (Monat zuerst)
report-no-rate-of-credit = „{ $given }“ liegt nicht zwischen 0 und 1: Ein Anteil von 15 % ist 0.15
report-no-percentage = „{ $given }“ liegt nicht zwischen 0 und 100 %
report-no-rate = { $currency }: Dem Lauf wurde kein Kurs von { $currency } nach { $other } gegeben
report-charge-too-large = ergibt einen Preis von mehr als 10^20
report-cells = hat { $cells ->
    [one] eine Zelle
   *[other] { $cells } Zellen
}, wo die Kopfzeile { $wanted } hat
report-header-again = wiederholt die Kopfzeile mitten unter den Posten: Wurden Dateien aneinandergehängt? Nehmen Sie die Kopfzeilen heraus, oder geben Sie jede Datei für sich an
report-stray-quote = Mitten in einer Zelle steht ein Anführungszeichen: Zellen mit Anführungszeichen stehen ganz in solchen, mit "" für jedes
report-record-without-end = Ein Posten, der hier beginnt, hat kein Ende: Fehlt ein schließendes Anführungszeichen?
report-record-too-long = Ein Posten, der hier beginnt, ist länger als 4 MiB, so lang wie kein Posten: Fehlt ein schließendes Anführungszeichen?
report-not-utf-8 = ist nicht UTF-8: Speichern Sie die Datei als UTF-8
report-null = enthält das Zeichen U+0000, das in keinem Text steht: Die Datei ist beschädigt oder kein Text
report-no-json = ist kein JSON-Objekt in einer eigenen Zeile: { $why }
report-no-json-string = ist kein Text in JSON: { $why }
report-attribute-twice = nennt das Attribut { $attribute } zweimal
report-adjustments = Die Anpassungen aus { $count } Dateien sind nicht lesbar: { $why }

# What is wrong with a file
report-empty = ist leer
report-utf-16 = ist UTF-16: Speichern Sie die Datei als UTF-8
report-no-text = ist UTF-16 oder kein Text: Speichern Sie die Datei als UTF-8
report-carriage-returns = beendet Zeilen nur mit einem Wagenrücklauf: Speichern Sie sie mit LF oder CRLF
report-column-twice = hat die Spalte { $column } zweimal
report-reconciliation-without-column = sieht wie eine Abstimmung aus, hat aber keine Spalte { $column }
report-usage-without-column = sieht wie ein täglicher bewerteter Verbrauch aus, hat aber keine Spalte { $column }
report-unknown-columns = ist weder eine Abstimmung noch ein täglicher bewerteter Verbrauch: Ihr fehlen deren Spalten für Beträge, Subtotal und BillingPreTaxTotal. Ihre ersten Spalten sind: { $columns }
report-same-lines = hat dieselben Posten wie { $other }: Lassen Sie eine der beiden weg
report-single-part = ist ein Teil eines Exports von Microsoft Graph ohne das Manifest, das sagt, wie viele Teile zusammengehören: Geben Sie den Ordner des Exports an, oder akzeptieren Sie no_manifest
report-cut-off = endet mittendrin: Die Datei wurde abgeschnitten
report-unreadable-on = lässt sich nicht weiterlesen: { $why }
report-not-unpacked = lässt sich nicht entpacken: { $why }
report-too-large-unpacked = ist entpackt größer als erlaubt (--bill-max-source)
report-archive-within = ist ein Archiv in einem Archiv: Entpacken Sie das äußere
report-manifest-format = hat das Datenformat { $format }; bekannt sind compressedJSON und compressedJSONLines
report-json-array = ist ein JSON-Array, wo jeder Posten ein Objekt in einer eigenen Zeile ist (JSON Lines). { -wanted }
report-json-over-lines = ist JSON über mehrere Zeilen, wo jeder Posten ein Objekt in einer eigenen Zeile ist. { -wanted }
report-separated-otherwise = trennt Zellen durch { $separator ->
    [semicolons] Semikolons
    [tabs] Tabulatoren
   *[bars] senkrechte Striche
}, wo CSV Kommas hat{ $columns ->
    [german] , und hat Spalten auf Deutsch, die Microsoft in jeder Sprache englisch nennt
   *[other] {""}
}. { -wanted }
report-columns-in-german = hat Spalten auf Deutsch, die Microsoft in jeder Sprache englisch nennt. { -wanted }
report-is-7-zip = ist ein 7-Zip-Archiv. { -wanted }
report-is-rar = ist ein RAR-Archiv. { -wanted }
report-is-xz = ist mit xz gepackt. { -wanted }
report-is-bzip2 = ist mit bzip2 gepackt. { -wanted }
report-is-zstandard = ist mit Zstandard gepackt. { -wanted }
report-is-office = ist eine Arbeitsmappe oder ein Dokument von Microsoft Office. { -wanted }
report-is-parquet = ist eine Parquet-Datei. { -wanted }
report-is-pdf = ist ein PDF-Dokument, etwa die Rechnung selbst. { -wanted }
report-is-sqlite = ist eine SQLite-Datenbank. { -wanted }
report-is-html = ist eine HTML-Seite, etwa eine Anmeldeseite, die statt der Datei gespeichert wurde. { -wanted }
report-is-xml = ist eine XML-Datei. { -wanted }
report-is-excel = ist eine Arbeitsmappe von Excel. { -wanted }
report-is-word = ist ein Word-Dokument. { -wanted }
report-is-open-document = ist eine OpenDocument-Datei, etwa von LibreOffice. { -wanted }
report-is-aggregated = ist Microsofts nach Verbrauch zusammengefasste Abstimmung, die Posten der Abstimmung wiederholt, um ihre Preise zu erklären. { -wanted }
report-is-focus = ist eine FOCUS-Datei, wie dieser Server sie von Rechnungen macht. { -wanted }
report-is-ledger = ist ein Kontobuch, das dieser Server gemacht hat. { -wanted }
report-is-bill = ist eine Rechnung, die dieser Server gemacht hat. { -wanted }
report-is-price-sheet = ist eine Preisliste. { -wanted }
report-is-cost-management = ist ein Export von Azure Cost Management. { -wanted }
report-is-api-answer = ist eine Antwort der API von Partner Center mit ihren Posten in einem Array. { -wanted }
report-is-manifest = ist das Manifest eines Exports von Microsoft Graph, dessen Ordner anzugeben ist. { -wanted }
report-no-price-sheet = ist keine Preisliste für New Commerce: Es fehlt { $columns }
report-sheet-too-large = ist größer als jede Preisliste: mehr als 1 GiB
report-no-ledger = ist kein Kontobuch einer endgültigen Rechnung

# What else stops a run
report-tenant-of-two = Der Tenant { $tenant } gehört zu zwei Kunden
report-too-many-rules = Es gibt { $count } Preisregeln, möglich sind höchstens { $max }
report-wrong-rate = Der Kurs von { $currency } nach { $other } ist nicht gültig ({ $why })
report-sums-differ = Die Summen der Dateien und der Rechnungen sind verschieden: ein Fehler dieses Servers. Melden Sie ihn dem Betreiber
report-disk = Die Festplatte des Servers tut nicht, was sie soll: { $why }
report-store-not-found = Nicht gefunden: { $why }
report-store-denied = Der Zugriff wurde verweigert: { $why }
report-store-contended = Ein anderer Vorgang schreibt dieselbe Rechnung: { $why }
report-store-corrupt = Der Inhalt ist nicht der, der geschrieben wurde: { $why }
report-store-too-large = Die Datei ist zu groß: { $why }
report-store-unavailable = Die Ablage antwortet nicht; versuchen Sie es noch einmal: { $why }
report-store-unusable = Das lässt sich so nicht verwenden: { $why }

# Why a customer's bills cannot be written
report-bill-unwritable = Die Rechnung lässt sich nicht schreiben: { $why }
report-final-unwritable = Die endgültige Rechnung lässt sich nicht schreiben: { $why }
report-reversal-unwritable = Die Stornierung lässt sich nicht schreiben: { $why }
report-bill-held-back = Die Rechnung für { $month } wurde zurückgehalten (Lauf { $run })
report-bill-unwritten = Die Rechnung für { $month } konnte nicht geschrieben werden (Lauf { $run })
report-final-unwritten = Die endgültige Rechnung für { $month } konnte nicht geschrieben werden
report-folder-of-customer = Der Ordner lässt sich nicht beschreiben
report-no-tenant = Diesem Kunden ist kein Azure-Tenant zugewiesen
report-last-run-failed = Der letzte Lauf für { $month } ist fehlgeschlagen (Lauf { $run })

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
