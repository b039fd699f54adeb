-- Which of a partner's customers have a sequence of one to three characters (a gram) in their name, for searches by parts
-- of names. A row has the customers of a block of 8192 ids (0006) as text; `store/src/customers/name_index/ids.rs` has the
-- format. Servers index in the background, block by block, so that creates write nothing here: first what is there when
-- this migration has run. It is made from the customers, so that no copy and no backup has it.
CREATE TABLE customer_name_grams (
    partner_id BIGINT NOT NULL,
    block      BIGINT NOT NULL,
    gram       BIGINT NOT NULL,
    ids        TEXT NOT NULL,
    PRIMARY KEY (partner_id, block, gram)
);

-- The blocks that were looked at: how many customers each had then, or -1 if it is not indexed. The names of a block that
-- has another number now are read one by one until it is indexed again. `build` keeps two servers from overwriting each other.
CREATE TABLE customer_name_blocks (
    partner_id BIGINT NOT NULL,
    block      BIGINT NOT NULL,
    customers  BIGINT NOT NULL,
    build      BIGINT NOT NULL,
    PRIMARY KEY (partner_id, block)
);

-- Changes of names that the index does not have yet: the customer's version since then, or, of one that was deleted, its
-- last version as a negative number.
CREATE TABLE customer_name_changes (
    partner_id  BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    version     BIGINT NOT NULL,
    PRIMARY KEY (partner_id, customer_id, version)
);
