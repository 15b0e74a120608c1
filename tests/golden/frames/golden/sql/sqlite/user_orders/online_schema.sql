-- Online plan of feature view user_orders, project frames.
-- Version v1, fingerprint 022dea7ad2b88757d8f1b7bfe3f33c5e.
-- frames.user_orders, tables user_orders__c51a9be5
-- SQLite: what the store keeps

-- rows and tiles
CREATE TABLE IF NOT EXISTS user_orders__c51a9be5 (
    key_user_id INTEGER,
    _tau INTEGER,
    _seq INTEGER,
    amount INTEGER,
    PRIMARY KEY (key_user_id, _tau, _seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS user_orders__c51a9be5__tiles (
    key_user_id INTEGER,
    _start INTEGER,
    _settled_at INTEGER,
    _rows INTEGER,
    sum_amount__high INTEGER,
    sum_amount__low INTEGER,
    max_amount INTEGER,
    PRIMARY KEY (key_user_id, _start)
) STRICT, WITHOUT ROWID;
