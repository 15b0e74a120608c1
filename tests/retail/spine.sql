-- One row per distinct (CustomerID, InvoiceNo) and per distinct (StockCode, InvoiceNo), at the invoice's first instant.
-- Lines without a customer give spine rows with a NULL key: an unknown entity, still one row out per row in.
create or replace temp table lines as
select InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, Country,
       cast(CustomerID as bigint)  as CustomerID,
       Quantity * UnitPrice        as amount,
       starts_with(InvoiceNo, 'C') as cancelled,
       Quantity < 0                as returned
from read_parquet($path);

create or replace temp table invoices as
select InvoiceNo, min(InvoiceDate) as as_of from lines group by InvoiceNo;

create or replace temp table customer_spine as
select row_number() over (order by as_of, InvoiceNo, CustomerID) as spine_row, CustomerID, InvoiceNo, as_of
from (select distinct CustomerID, InvoiceNo from lines) join invoices using (InvoiceNo);

create or replace temp table product_spine as
select row_number() over (order by as_of, InvoiceNo, StockCode) as spine_row, StockCode, InvoiceNo, as_of
from (select distinct StockCode, InvoiceNo from lines) join invoices using (InvoiceNo);
