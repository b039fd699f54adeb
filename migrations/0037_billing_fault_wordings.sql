-- What makes the reason of a billing fault in other languages than English: JSON of the text's id and its values. NULL for those of
-- earlier versions, which are shown in English.
ALTER TABLE billing_faults ADD COLUMN wording TEXT;
